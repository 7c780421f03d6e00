import type { IdentityNames, TokenIdentity } from '../../src/token/identity.js'

const NO_NAMES: IdentityNames = { ids: [], folded: [], subjects: [], clients: [], sessions: [] }

/** The identity of a token that has no names: a test adds those that it is about. */
export const NOBODY: TokenIdentity = {
  ...NO_NAMES,
  ofIssuer: NO_NAMES,
  issuers: [],
  claims: { of: () => [] },
  issuedAt: 0,
  expiresAt: undefined,
  subject: undefined,
  client: undefined,
  hash: '',
}
