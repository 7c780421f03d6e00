export { type CompactJwt, type Credential, readCredential, readObject } from './credential.js'
export { type Fingerprint, Fingerprinter, SEED_BYTES } from './fingerprint.js'
export { canonicalIds, identify, isExpiry, isNumericDate, type TokenIdentity } from './identity.js'
