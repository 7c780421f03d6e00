/**
 * What a transmitter is told of a SET that is not accepted, as RFC 8935 §2.4 and SSF 1.0 §8.1.4 register it.
 * - `invalid_request`: no SET, an event that does not conform, or one that cannot be applied as it says
 * - `invalid_key`: signed with no key of the transmitter
 * - `invalid_issuer`: of another issuer than the stream's
 * - `invalid_audience`: for somebody else
 * - `authentication_failed`: who delivers did not authenticate
 * - `invalid_state`: a verification event with a state that was not asked for
 */
export type SetErrorCode =
  | 'invalid_request'
  | 'invalid_key'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'authentication_failed'
  | 'invalid_state'

/** A SET that is not accepted. `reason` is one of a fixed set of words for metrics; neither text quotes the SET. */
export class SetError extends Error {
  override readonly name = 'SetError'
  readonly code: SetErrorCode
  readonly reason: string
  /** Whether the same SET may be accepted later: it must not be given up yet. */
  readonly mayPass: boolean

  constructor(code: SetErrorCode, reason: string, message: string, mayPass = false) {
    super(message)
    this.code = code
    this.reason = reason
    this.mayPass = mayPass
  }
}
