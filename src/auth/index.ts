export { type Authenticated, type Authenticator, isRefused, type Refused } from './authenticator.js'
export { hasQueryToken, readBearer } from './bearer.js'
export { Jwks } from './jwks.js'
export { JwtAuthenticator, type JwtIssuer } from './jwt.js'
