export { CertificateError, namingKey } from './error.js'
export { type KeyStore, readKeyPair, readKeyStore } from './key-store.js'
export { ensureSelfSigned, hasSelfSigned } from './self-signed.js'
export {
  findCertificate,
  readPublicKey,
  readTrustStore,
} from './trust-store.js'
export { type Validity, validities } from './validity.js'
export { writeAtomically } from './write-atomically.js'
