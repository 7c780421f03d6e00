/** What is wrong with a file of keys or certificates. Stable: scripts may rely on it. */
export type CertificateErrorCode =
  /** There is no such file. */
  | 'ERR_CERTIFICATE_FILE_MISSING'
  /** It can't be read, is no regular file, or is too large to be what it should be. */
  | 'ERR_CERTIFICATE_FILE_UNREADABLE'
  /** Neither PKCS12 nor PEM, or damaged. */
  | 'ERR_CERTIFICATE_FORMAT'
  /** Java's own format, which has to be converted. */
  | 'ERR_CERTIFICATE_JKS'
  /** Made with an algorithm that is not known, or with more work than a start may take. */
  | 'ERR_CERTIFICATE_UNSUPPORTED'
  /** The password does not open it. */
  | 'ERR_CERTIFICATE_PASSWORD'
  /** No private key in it. */
  | 'ERR_CERTIFICATE_NO_KEY'
  /** No certificate in it, or none that belongs to its private key. */
  | 'ERR_CERTIFICATE_NO_CERTIFICATE'
  /** No entry has the alias, or entries that differ have it. */
  | 'ERR_CERTIFICATE_ALIAS'
  /** A public key that no token should be verified with. */
  | 'ERR_CERTIFICATE_KEY'

/** What to do; for the others the text says it, or there is no more to say. */
const REMEDIES: Readonly<Partial<Record<CertificateErrorCode, string>>> = {
  ERR_CERTIFICATE_FILE_MISSING: 'correct its path in the configuration',
  ERR_CERTIFICATE_FILE_UNREADABLE: 'make the file readable for the gateway’s user',
  ERR_CERTIFICATE_FORMAT: 'recreate it as PKCS12 or PEM',
  ERR_CERTIFICATE_UNSUPPORTED: 'recreate it with a password and common algorithms, as `openssl pkcs12 -export` does',
  ERR_CERTIFICATE_PASSWORD: 'correct the password beside its path in the configuration',
  ERR_CERTIFICATE_NO_KEY: 'name a store with a private key',
  ERR_CERTIFICATE_NO_CERTIFICATE: 'name a file with the certificate',
  ERR_CERTIFICATE_ALIAS: 'correct the alias in the configuration; a PEM file has no alias: name it by certFile',
}

/** A key store, a trust store or a certificate can't be used. The text names the file, and never holds a password. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
  readonly code: CertificateErrorCode

  constructor(code: CertificateErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** Runs `read`; any error becomes a {@link CertificateError} with the file's name and a remedy. */
export async function namingFile<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof CertificateError) throw named(file, error)
    // node-forge and OpenSSL throw any error at unexpected bytes.
    throw named(
      file,
      new CertificateError('ERR_CERTIFICATE_FORMAT', 'is damaged, or of another format', { cause: error }),
    )
  }
}

/** Runs `read`; puts the configuration's key, which names the file, in front of a {@link CertificateError}. */
export async function namingKey<T>(key: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    throw new CertificateError(error.code, `${key}: ${error.message}`, { cause: error.cause })
  }
}

/** The same error, with the file's name and a remedy. */
export function named(file: string, { code, message, cause }: CertificateError): CertificateError {
  const remedy = REMEDIES[code]
  return new CertificateError(code, `${file}: ${message}${remedy === undefined ? '' : `; ${remedy}`}`, { cause })
}

/** The error of an alias that was not found; names those that there are, a bounded number of them. */
export function unknownAlias(alias: string, known: readonly (string | undefined)[]): CertificateError {
  const names = known.filter((each) => each !== undefined)
  const listed = names.slice(0, 20).map((each) => JSON.stringify(each.slice(0, 100)))
  if (names.length > listed.length) listed.push(`${names.length - listed.length} more`)
  const there = listed.length === 0 ? 'no entry has an alias' : `there are ${listed.join(', ')}`
  return new CertificateError('ERR_CERTIFICATE_ALIAS', `no entry has the alias ${JSON.stringify(alias)}: ${there}`)
}

/** Java's aliases do not tell upper from lower case: keytool writes them in lower case. */
export function isAlias(found: string | undefined, wanted: string): boolean {
  return found !== undefined && found.toLowerCase() === wanted.toLowerCase()
}

/** A wrong password and a damaged file cannot be told apart: both fail to decrypt. */
export function wrongPassword(cause?: unknown): CertificateError {
  return new CertificateError('ERR_CERTIFICATE_PASSWORD', 'the password is wrong, or the file is damaged', { cause })
}
