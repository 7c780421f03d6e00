/**
 * Why a transmitter could not be used.
 * - `unreachable`: no answer, or not the whole of one
 * - `credentials`: it rejects the access token, a new one too, or there is none
 * - `status`: it answers with an error
 * - `answer`: its answer has none of the specified shapes
 * - `metadata`: its metadata are not those of the issuer, or cannot be used
 * - `stream`: the stream is another than was asked for
 */
export type TransmitterProblem = 'unreachable' | 'credentials' | 'status' | 'answer' | 'metadata' | 'stream'

/** A transmitter cannot be used. The message names endpoints, keys of the configuration and statuses, never credentials or events. */
export class TransmitterError extends Error {
  override readonly name = 'TransmitterError'
  readonly problem: TransmitterProblem
  /** HTTP, where an answer came. */
  readonly status: number | undefined

  constructor(problem: TransmitterProblem, message: string, options: ErrorOptions & { readonly status?: number } = {}) {
    super(message, options)
    this.problem = problem
    this.status = options.status
  }
}
