export type { RevocationEvent } from './endpoints.js'
export { DEMO_ISSUER, startTokenService, type TokenService, type TokenServiceOptions } from './token-service.js'
