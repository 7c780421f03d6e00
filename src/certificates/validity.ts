import { pemBlocks, pemCertificates } from './pem.js'

/** For how long a certificate is valid. */
export interface Validity {
  /** The common name that it is for, or else its whole subject. */
  readonly name: string
  /** Epoch ms. */
  readonly from: number
  /** Epoch ms. */
  readonly until: number
}

const MAX_NAME = 100

/** The validity of each certificate in PEM; other blocks count as none. Throws a `CertificateError` at a damaged one. */
export function validities(pem: string): Validity[] {
  return pemCertificates(pemBlocks(pem)).map(({ subject = '', validFrom, validTo }) => ({
    name: (/^CN=(.+)$/m.exec(subject)?.[1] ?? subject).replace(/[^\P{C}]/gu, ' ').slice(0, MAX_NAME),
    from: Date.parse(validFrom),
    until: Date.parse(validTo),
  }))
}
