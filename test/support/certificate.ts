import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureSelfSigned, hasSelfSigned } from '../../src/certificates/index.js'

/** Beside the compiled tests: it is made once, and used by all of them until it is about to expire. */
const SHARED = join(import.meta.dirname, '..', '..', 'self-signed')

/**
 * Makes what the tests share, the self-signed certificate that a gateway makes for itself at its first start: that takes a sixth
 * of what the start takes. Resolves to what puts it into a directory.
 */
export async function sharedCertificate(): Promise<(directory: string) => void> {
  if (!(await hasSelfSigned(SHARED))) await share()
  return (directory) => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(SHARED)) {
      if (!existsSync(join(directory, name))) copyFileSync(join(SHARED, name), join(directory, name))
    }
  }
}

async function share(): Promise<void> {
  const made = mkdtempSync(`${SHARED}-`)
  await ensureSelfSigned(made)
  try {
    renameSync(made, SHARED)
  } catch {
    rmSync(SHARED, { recursive: true, force: true }) // another test has made one meanwhile, or it has expired
    renameSync(made, SHARED)
  }
}
