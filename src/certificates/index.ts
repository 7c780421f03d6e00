export { CertificateError, type CertificateErrorCode } from './error.js'
export { type KeyStore, readKeyPair, readKeyStore } from './key-store.js'
export { ensureSelfSigned, LOCAL_HOSTS, type SelfSigned } from './self-signed.js'
export {
  findCertificate,
  readPublicKey,
  readTrustStore,
  type TrustedCertificate,
  type TrustStore,
} from './trust-store.js'
export { writeAtomically } from './write-atomically.js'
