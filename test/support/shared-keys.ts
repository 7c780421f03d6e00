import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureSelfSigned, hasSelfSigned } from '../../src/certificates/index.js'

/** Beside the compiled tests: made once, and used by all tests until the certificate is about to expire. */
const SHARED = join(import.meta.dirname, '..', '..', 'shared-keys')
const CERTIFICATE = ['self-signed-cert.pem', 'self-signed-key.pem']
const SIGNING_KEY = 'signing-key.json'

/** What gateways and token services make for themselves at their first start, which is a sixth of its time and more. */
export interface SharedKeys {
  /** Puts the self-signed certificate into a state directory. */
  certificate(directory: string): void
  /** Puts the key that signs tokens into a token service's directory. */
  signingKey(directory: string): void
}

export async function sharedKeys(): Promise<SharedKeys> {
  if (!(await hasSelfSigned(SHARED))) await share()
  return {
    certificate: (directory) => put(directory, CERTIFICATE),
    signingKey: (directory) => put(directory, [SIGNING_KEY]),
  }
}

function put(directory: string, names: readonly string[]): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const name of names) {
    if (!existsSync(join(directory, name))) copyFileSync(join(SHARED, name), join(directory, name))
  }
}

async function share(): Promise<void> {
  const made = mkdtempSync(`${SHARED}-`)
  await ensureSelfSigned(made)
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  writeFileSync(join(made, SIGNING_KEY), JSON.stringify(privateKey.export({ format: 'jwk' })), { mode: 0o600 })
  // Another test may be as far: both copy from whichever is there first.
  if (existsSync(SHARED) && !(await hasSelfSigned(SHARED))) rmSync(SHARED, { recursive: true })
  try {
    renameSync(made, SHARED)
  } catch (error) {
    if (!(await hasSelfSigned(SHARED))) throw error
    rmSync(made, { recursive: true })
  }
}
