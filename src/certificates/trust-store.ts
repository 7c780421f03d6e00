import type { Secret } from '../config/secret.js'
import { readEntries } from './entries.js'
import { CertificateError, isAlias, namingFile, unknownAlias } from './error.js'

export interface TrustedCertificate {
  /** Its name in a PKCS12 store (friendlyName); a PEM file has none. */
  readonly alias: string | undefined
  readonly pem: string
}

export interface TrustStore {
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
      certificates: certificates.map(({ alias, certificate }) => ({ alias, pem: certificate.toString() })),
    }
  })
}

/**
 * The certificate of an alias; upper and lower case are the same, as in Java. Throws a {@link CertificateError} that
 * lists the aliases if there is none, and one if several differ: whose tokens to accept is not to be guessed.
 */
export function findCertificate({ certificates }: TrustStore, alias: string): TrustedCertificate {
  const [found, ...others] = certificates.filter((each) => isAlias(each.alias, alias))
  if (found === undefined)
    throw unknownAlias(
      alias,
      certificates.map((each) => each.alias),
    )
  if (others.some(({ pem }) => pem !== found.pem)) {
    throw new CertificateError('ERR_CERTIFICATE_ALIAS', `several certificates have the alias ${JSON.stringify(alias)}`)
  }
  return found
}
