export {
  type Authenticated,
  type Authenticator,
  isRefused,
  type Refused,
  type Sender,
  type TokenNames,
} from './authenticator.js'
export { hasQueryToken, readBearer } from './bearer.js'
export { carriedTokens } from './carried-tokens.js'
export type { Examination, IssuerVerdict } from './examination.js'
export { keyManagerUrl } from './introspection.js'
export { JwksUnavailable } from './jwks.js'
export { openAuthentication } from './open.js'
export { type Attempt, attempt, tryIssuers } from './try-issuers.js'
