import { derCertificate, isDer, pemText, readBounded } from './entries.js'
import { CertificateError, namingFile } from './error.js'
import { pemBlocks, pemCertificates } from './pem.js'

const PUBLIC_KEY = /^(RSA )?PUBLIC KEY$/

/**
 * Reads an issuer's certificate, or its bare public key, from a PEM file (or a certificate from a DER file): the first
 * one in it, as PEM. A private key is not taken, though a public one could be had from it: it does not belong here.
 */
export function readPublicKey(path: string): Promise<string> {
  return namingFile(path, async () => {
    const bytes = await readBounded(path)
    const certificate = isDer(bytes) ? derCertificate(bytes) : undefined
    if (certificate !== undefined) return certificate.toString()
    const blocks = pemBlocks(pemText(bytes))
    const found = pemCertificates(blocks)[0]?.toString() ?? blocks.find(({ label }) => PUBLIC_KEY.test(label))?.text
    if (found !== undefined) return found
    throw new CertificateError('ERR_CERTIFICATE_NO_CERTIFICATE', 'holds no certificate and no public key')
  })
}
