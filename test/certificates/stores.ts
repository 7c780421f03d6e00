import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const PASSWORD = 'changeit'
/** What makes keytool write what Java 8 wrote: RC2 and triple DES. */
export const LEGACY = '-J-Dkeystore.pkcs12.legacy'

/**
 * Which of the tools the machine lacks, as a reason to skip; `false` when none.
 * With MGW_REQUIRE_SERVICES=1 it throws instead.
 */
export function missing(...tools: readonly ('keytool' | 'openssl')[]): string | false {
  const absent = tools.filter((tool) => {
    return spawnSync(tool, tool === 'openssl' ? ['version'] : ['-help']).error !== undefined
  })
  if (absent.length === 0) return false
  const reason = `not installed: ${absent.join(', ')}`
  if (process.env.MGW_REQUIRE_SERVICES === '1') throw new Error(reason)
  return reason
}

/** Runs keytool on a PKCS12 store with {@link PASSWORD}. */
export async function keytool(store: string, ...args: readonly string[]): Promise<void> {
  const fast = ['-J-XX:TieredStopAtLevel=1', '-J-XX:+UseSerialGC']
  await run('keytool', [...fast, ...args, '-keystore', store, '-storepass', PASSWORD])
}

/** A new key with its certificate, in a store that exists or not. */
export function keytoolKey(store: string, alias: string, name: string, ...more: readonly string[]): Promise<void> {
  const args = ['-alias', alias, '-keyalg', 'EC', '-groupname', 'secp256r1', '-dname', `CN=${name}`]
  const type = more.includes('-storetype') ? [] : ['-storetype', 'PKCS12']
  return keytool(store, '-genkeypair', ...args, ...type, ...more)
}

export async function openssl(...args: readonly string[]): Promise<void> {
  await run('openssl', [...args])
}

/** A self-signed certificate and its key, as PEM files. */
export async function opensslKey(directory: string, name: string, algorithm: readonly string[] = EC) {
  const [cert, key] = [join(directory, `${name}.pem`), join(directory, `${name}-key.pem`)]
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost']
  await openssl(
    'req',
    '-x509',
    '-newkey',
    ...algorithm,
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '30',
    ...names,
  )
  return { cert, key }
}

const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']

/** A PKCS12 file with {@link PASSWORD}, made from PEM files. */
export function opensslStore(store: string, cert: string, ...more: readonly string[]): Promise<void> {
  const password = more.includes('-passout') ? [] : ['-passout', `pass:${PASSWORD}`]
  return openssl('pkcs12', '-export', '-in', cert, '-out', store, ...password, ...more)
}
