/** What a store held at a position that it was given can't be told from what it holds now: only a listing tells. */
export class PositionLost extends Error {
  override readonly name = 'PositionLost'
  readonly code = 'ERR_STORE_POSITION_LOST'
}
