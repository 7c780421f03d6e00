/**
 * What a message of a broker's topic holds, whatever the protocol that carried it. At most one of `map`, `text` and
 * `bytes` is there; none of them for a message that has only properties, or whose body is never read (Java objects).
 * Whole numbers are `number` where that is exact, else `bigint`.
 */
export interface TopicMessage {
  readonly map?: ReadonlyMap<string, unknown>
  readonly text?: string
  readonly bytes?: Buffer
  readonly properties?: ReadonlyMap<string, unknown>
}
