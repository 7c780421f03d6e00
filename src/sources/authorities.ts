import { X509Certificate } from 'node:crypto'

export interface Authorities {
  /** PEM, one certificate each. */
  readonly certificates: readonly string[]
  /** Which of the file's certificates can't be read: 1 for the first. */
  readonly damaged: readonly number[]
}

const BEGIN = '-----BEGIN CERTIFICATE-----'

/**
 * The certificates of a PEM file that can be read. Node's TLS stops at the first that can't, without a word: those after
 * it would not be trusted. Throws if none can be read.
 */
export function readAuthorities(text: string): Authorities {
  const certificates: string[] = []
  const damaged: number[] = []
  for (const [index, part] of text.split(BEGIN).slice(1).entries()) {
    try {
      certificates.push(new X509Certificate(BEGIN + part).toString())
    } catch {
      damaged.push(index + 1)
    }
  }
  if (certificates.length === 0) throw new Error('caFile holds no certificate that can be read')
  return { certificates, damaged }
}
