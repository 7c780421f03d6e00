export { type Authenticated, type Authenticator, isRefused, type Refused } from './authenticator.js'
export { hasQueryToken, readBearer } from './bearer.js'
export { type ClaimMapping, ClaimMappingError } from './claims.js'
export { CredentialAuthenticator, type CredentialAuthenticatorOptions } from './credential-authenticator.js'
export { FixedKey, FixedKeyError } from './fixed-key.js'
export { Jwks, JwksUnavailable } from './jwks.js'
export { JwtAuthenticator, type JwtAuthenticatorOptions } from './jwt.js'
export type { JwtIssuer } from './jwt-issuer.js'
export {
  type KeyManagerCredentials,
  KeyManagerCredentialsError,
  type KeyManagerSecurity,
  keyManagerCredentials,
} from './key-manager-credentials.js'
export { OpaqueAuthenticator, type OpaqueAuthenticatorOptions } from './opaque.js'
export { type OpenedAuthentication, openAuthentication } from './open.js'
export { SharedSecret, SharedSecretError } from './shared-secret.js'
export { unverifiedCaller } from './unverified.js'
