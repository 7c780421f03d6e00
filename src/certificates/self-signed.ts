import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { SubjectAltNameEntry } from 'selfsigned'
import { hasCode } from '../error-code.js'
import { writeAtomically } from './write-atomically.js'

/** A key and its certificate, in PEM, and where they are kept. */
export interface SelfSigned {
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
  /** Made by this call; otherwise found. */
  readonly created: boolean
}

/** The names under which a server on this machine is called. */
const LOCAL_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1']

const DAY = 86_400_000
/** With the day before, the longest that common clients accept of a server's certificate. */
const VALIDITY = 824 * DAY
/** Clients whose clock is behind ours accept it as well. */
const BACKDATED = DAY
/** One that ends sooner is replaced at a start, so that it does not end while the server runs. */
const RENEW_BEFORE = 30 * DAY

/**
 * Finds or makes a key (mode 0600) and a self-signed certificate for the hosts, in a directory that is created
 * (mode 0700) if missing. What is found is used again unless it is damaged, about to expire, or for other hosts:
 * then it is set aside, its name followed by `.old`. Throws the file system's error if the directory can't be used.
 */
export async function ensureSelfSigned(
  directory: string,
  hosts: readonly string[] = LOCAL_HOSTS,
  now: number = Date.now(),
): Promise<SelfSigned> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { certFile, keyFile, cert, key, isUsable } = await found(directory, hosts, now)
  if (isUsable && cert !== undefined && key !== undefined) {
    if (((await stat(keyFile)).mode & 0o777) !== 0o600) await chmod(keyFile, 0o600) // a read-only disk refuses it
    return { certFile, keyFile, cert, key, created: false }
  }
  if (cert !== undefined) await rename(certFile, `${certFile}.old`)
  if (key !== undefined) await rename(keyFile, `${keyFile}.old`)
  const made = await make(hosts, now)
  // A crash between the two leaves a key without its certificate, which the next start replaces.
  await writeAtomically(keyFile, made.key, 0o600)
  await writeAtomically(certFile, made.cert, 0o644)
  return { certFile, keyFile, ...made, created: true }
}

/** Whether {@link ensureSelfSigned} would use what the directory has. Throws the file system's error if it can't be read. */
export async function hasSelfSigned(directory: string, now: number = Date.now()): Promise<boolean> {
  return (await found(directory, LOCAL_HOSTS, now)).isUsable
}

async function found(directory: string, hosts: readonly string[], now: number) {
  const certFile = join(directory, 'self-signed-cert.pem')
  const keyFile = join(directory, 'self-signed-key.pem')
  const cert = await read(certFile)
  const key = await read(keyFile)
  const isUsable = cert !== undefined && key !== undefined && usable(cert, key, hosts, now)
  return { certFile, keyFile, cert, key, isUsable }
}

function usable(cert: string, key: string, hosts: readonly string[], now: number): boolean {
  try {
    const certificate = new X509Certificate(cert)
    return (
      Date.parse(certificate.validFrom) <= now &&
      Date.parse(certificate.validTo) > now + RENEW_BEFORE &&
      certificate.checkPrivateKey(createPrivateKey(key)) &&
      hosts.every((host) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined)
    )
  } catch {
    return false
  }
}

async function make(hosts: readonly string[], now: number): Promise<{ cert: string; key: string }> {
  const altNames = hosts.map(
    (host): SubjectAltNameEntry => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host }),
  )
  const { generate } = await import('selfsigned') // slow to load, and rarely needed
  const { cert, private: key } = await generate([{ name: 'commonName', value: hosts[0] ?? 'localhost' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - BACKDATED),
    notAfterDate: new Date(now + VALIDITY),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  })
  return { cert, key }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}
