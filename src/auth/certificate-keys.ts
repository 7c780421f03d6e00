import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { errors, type JWSHeaderParameters } from 'jose'
import { CertificateError } from '../certificates/index.js'
import type { Logger } from '../logging/index.js'
import type { VerificationKeys } from './verification-keys.js'

export interface CertificateKeysOptions {
  /** PEM: an X.509 certificate or a public key. */
  readonly pem: string
  /** What the log and an error call it: the file, or the alias. */
  readonly name: string
  readonly logger: Logger
  readonly now?: () => number
}

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const EDDSA = ['EdDSA', 'Ed25519']
/** By OpenSSL's name of the curve: an ECDSA algorithm is for one curve only (RFC 7518 §3.4). */
const ECDSA: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['ES256'],
  secp384r1: ['ES384'],
  secp521r1: ['ES512'],
}
/** RFC 7518 §3.3: shorter ones must not be used. */
const MIN_RSA_BITS = 2_048

/**
 * The one key of an issuer who is known by its certificate. It verifies whatever the token's `kid` names: WSO2's is a
 * hash of the certificate, and not every issuer sends one. A certificate out of its validity verifies as well, as in
 * WSO2, with a warning: it is trusted because the operator named it, not because of what it says.
 */
export class CertificateKeys implements VerificationKeys {
  readonly #key: KeyObject
  readonly #algorithms: readonly string[]

  /** Throws a CertificateError (`ERR_CERTIFICATE_KEY`) if no token should be verified with it. */
  constructor({ pem, name, logger, now = Date.now }: CertificateKeysOptions) {
    this.#key = publicKey(pem, name)
    this.#algorithms = algorithmsOf(this.#key)
    if (this.#algorithms.length === 0) {
      const message = `${name}: neither RSA of at least ${MIN_RSA_BITS} bits, nor P-256, P-384, P-521, nor Ed25519`
      throw new CertificateError('ERR_CERTIFICATE_KEY', message)
    }
    if (isCertificate(pem)) warnOfValidity(new X509Certificate(pem), name, logger, now())
  }

  async key({ alg = '' }: JWSHeaderParameters): Promise<KeyObject> {
    if (this.#algorithms.includes(alg)) return this.#key
    throw new errors.JOSEAlgNotAllowed('not an algorithm of the issuer’s key')
  }
}

function publicKey(pem: string, name: string): KeyObject {
  try {
    return isCertificate(pem) ? new X509Certificate(pem).publicKey : createPublicKey(pem)
  } catch (cause) {
    throw new CertificateError('ERR_CERTIFICATE_KEY', `${name}: no certificate or public key`, { cause })
  }
}

function isCertificate(pem: string): boolean {
  return pem.includes('-----BEGIN CERTIFICATE-----')
}

function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  if (type === 'rsa') return (details?.modulusLength ?? 0) >= MIN_RSA_BITS ? RSA : []
  if (type === 'ec') return ECDSA[details?.namedCurve ?? ''] ?? []
  return type === 'ed25519' ? EDDSA : []
}

function warnOfValidity({ validFrom, validTo }: X509Certificate, name: string, logger: Logger, now: number): void {
  if (now > Date.parse(validTo)) {
    logger.warn('an issuer’s certificate has expired; its tokens are accepted', { certificate: name, validTo })
  } else if (now < Date.parse(validFrom)) {
    logger.warn('an issuer’s certificate is not valid yet; its tokens are accepted', { certificate: name, validFrom })
  }
}
