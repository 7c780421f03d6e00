export { AccessTokenSource } from './access-token-source.js'
export {
  type Authenticated,
  type Authenticator,
  isRefused,
  type Refused,
  type Sender,
  type TokenNames,
  type TokenOrigin,
} from './authenticator.js'
export { hasQueryToken, readBearer } from './bearer.js'
export { BoundedCalls } from './bounded-calls.js'
export { carriedTokens } from './carried-tokens.js'
export type { Examination, IssuerVerdict } from './examination.js'
export { keyManagerUrl } from './introspection.js'
export { type KeySetParts, keySet, messageKeys } from './issuer-keys.js'
export { JwksUnavailable } from './jwks.js'
export { LOGOUT_EVENT } from './jwt-issuer.js'
export { openAuthentication } from './open.js'
export { type MessageProblem, type SignedMessage, verifyMessage } from './signed-message.js'
export { type Attempt, attempt, tryIssuers } from './try-issuers.js'
export type { VerificationKeys } from './verification-keys.js'
export { type Confirmation, WatchedTokens } from './watched-tokens.js'
