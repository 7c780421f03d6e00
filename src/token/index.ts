export {
  type ClaimSet,
  type ClaimValue,
  claimSetOf,
  claimsFingerprint,
  MAX_CLAIM_SETS,
  MAX_CLAIMS,
  type TokenClaims,
} from './claim-set.js'
export {
  type CompactJwt,
  type Credential,
  isJoseHeader,
  type JsonObject,
  readCredential,
  readObject,
  type UnreadableCredential,
} from './credential.js'
export { type Fingerprint, Fingerprinter, SEED_BYTES } from './fingerprint.js'
export {
  canonicalIds,
  claimName,
  type IdentityNames,
  identify,
  isExpiry,
  isNever,
  isNumericDate,
  type TokenIdentity,
} from './identity.js'
