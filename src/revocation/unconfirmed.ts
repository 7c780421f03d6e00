/**
 * What is not confirmed of a revocation.
 * - `ERR_REVOCATION_NOT_DURABLE`: neither the journal nor the store has it for certain
 * - `ERR_REVOCATION_NOT_ENFORCED`: a worker may still accept the token
 * - `ERR_REVOCATION_HANDOVER`: the primary did not say what became of it
 */
export type UnconfirmedCode = 'ERR_REVOCATION_NOT_DURABLE' | 'ERR_REVOCATION_NOT_ENFORCED' | 'ERR_REVOCATION_HANDOVER'

/** A revocation that nobody may be told is done. It stays on the list, and attempts to keep it go on. */
export class UnconfirmedRevocation extends Error {
  override readonly name = 'UnconfirmedRevocation'
  readonly code: UnconfirmedCode

  constructor(code: UnconfirmedCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
