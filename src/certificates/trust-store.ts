import type { Secret } from '../config/index.js'
import { derCertificate, isDer, pemText, readBounded, readEntries } from './entries.js'
import { CertificateError, isAlias, named, namingFile, unknownAlias } from './error.js'
import { pemBlocks, pemCertificates } from './pem.js'

export interface TrustedCertificate {
  /** Its name in a PKCS12 store (friendlyName); a PEM file has none. */
  readonly alias: string | undefined
  readonly pem: string
}

export interface TrustStore {
  readonly path: string
  readonly certificates: readonly TrustedCertificate[]
}

/**
 * Reads the certificates of a PKCS12 store, also of one that has no keys, or of a PEM bundle; expired ones too.
 * Those that belong to a key of the store count as well: an issuer's own key store names its certificate.
 * Throws a {@link CertificateError}: damaged or none at all is never an empty trust store.
 */
export function readTrustStore(path: string, password: Secret): Promise<TrustStore> {
  return namingFile(path, async () => {
    const { certificates } = await readEntries(path, password)
    if (certificates.length === 0) {
      throw new CertificateError('ERR_CERTIFICATE_NO_CERTIFICATE', 'holds no certificate')
    }
    return {
      path,
      certificates: certificates.map(({ alias, certificate }) => ({ alias, pem: certificate.toString() })),
    }
  })
}

/**
 * The certificate of an alias; upper and lower case are the same, as in Java. Throws a {@link CertificateError} that
 * lists the aliases if there is none, and one if several differ: whose tokens to accept is not to be guessed.
 */
export function findCertificate({ path, certificates }: TrustStore, alias: string): TrustedCertificate {
  const [found, ...others] = certificates.filter((each) => isAlias(each.alias, alias))
  if (found === undefined) {
    const aliases = certificates.map((each) => each.alias)
    throw named(path, unknownAlias(alias, aliases))
  }
  if (others.some(({ pem }) => pem !== found.pem)) {
    const message = `several certificates have the alias ${JSON.stringify(alias)}`
    throw named(path, new CertificateError('ERR_CERTIFICATE_ALIAS', message))
  }
  return found
}

const PUBLIC_KEY = /^(RSA )?PUBLIC KEY$/

/**
 * Reads an issuer's certificate, or its bare public key, from a PEM file (or a certificate from a DER file): the first
 * one in it, as PEM. A private key is refused, although it holds a public one: it does not belong here.
 */
export function readPublicKey(path: string): Promise<string> {
  return namingFile(path, async () => {
    const bytes = await readBounded(path)
    const certificate = isDer(bytes) ? derCertificate(bytes) : undefined
    if (certificate !== undefined) return certificate.toString()
    const blocks = pemBlocks(pemText(bytes))
    const found = pemCertificates(blocks)[0]?.toString() ?? blocks.find(({ label }) => PUBLIC_KEY.test(label))?.text
    if (found !== undefined) return found
    throw new CertificateError('ERR_CERTIFICATE_NO_CERTIFICATE', 'holds neither a certificate nor a public key')
  })
}
