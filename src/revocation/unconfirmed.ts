/**
 * Why a revocation is not confirmed.
 * - `ERR_REVOCATION_NOT_DURABLE`: neither the journal nor the store has it for certain
 * - `ERR_REVOCATION_NOT_ENFORCED`: a worker may still accept the token
 * - `ERR_REVOCATION_HANDOVER`: the primary did not confirm it
 */
export type UnconfirmedCode = 'ERR_REVOCATION_NOT_DURABLE' | 'ERR_REVOCATION_NOT_ENFORCED' | 'ERR_REVOCATION_HANDOVER'

/** A revocation that must not be reported as done. It stays on the list, and attempts to store it go on. */
export class UnconfirmedRevocation extends Error {
  override readonly name = 'UnconfirmedRevocation'
  readonly code: UnconfirmedCode

  constructor(code: UnconfirmedCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
