/**
 * Why a store could not do what it was asked.
 * - `ERR_STORE_UNREACHABLE`: no answer, or none that came whole: refused, cut, too slow, too long
 * - `ERR_STORE_CREDENTIALS`: it refuses the credentials, or they may not read what they should
 * - `ERR_STORE_STATUS`: it answered with an error of its own
 * - `ERR_STORE_ANSWER`: its answer has none of the documented shapes
 * - `ERR_STORE_CONFIG`: its configuration can't mean any store
 * - `ERR_STORE_MODULE`: a module of one's own is missing, throws or has the wrong shape
 */
export type StoreErrorCode =
  | 'ERR_STORE_UNREACHABLE'
  | 'ERR_STORE_CREDENTIALS'
  | 'ERR_STORE_STATUS'
  | 'ERR_STORE_ANSWER'
  | 'ERR_STORE_CONFIG'
  | 'ERR_STORE_MODULE'

/** A store's failure. Its message names hosts, files and statuses, never credentials, ids or what an answer held. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
