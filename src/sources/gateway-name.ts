import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasCode } from '../error-code.js'

/** There is no name yet, and none can be saved. */
export class NameNotKept extends Error {
  override readonly name = 'NameNotKept'
  readonly code = 'ERR_GATEWAY_NAME'
}

/**
 * The name of this gateway, which survives restarts and crashes: made once, kept in `file`. Throws {@link NameNotKept}
 * where nothing can be written, and the file system's error for a name that cannot be read.
 */
export async function gatewayName(file: string): Promise<string> {
  const kept = await nameIn(file)
  if (kept) return kept
  try {
    return await keepName(file, kept)
  } catch (cause) {
    throw new NameNotKept('cannot save the gateway name', { cause })
  }
}

/** The name that was saved, if any. Throws the file system's error for one that cannot be read. */
export async function savedName(file: string): Promise<string | undefined> {
  return (await nameIn(file)) || undefined
}

async function keepName(file: string, kept: string | undefined): Promise<string> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  // A crash may have left the file empty.
  if (kept === '') await rm(file, { force: true })
  const name = `mgw-${randomUUID()}`
  const beside = `${file}.${process.pid}-${randomUUID()}`
  try {
    await writeFile(beside, name, { flag: 'wx', mode: 0o600, flush: true })
    await link(beside, file)
    return name
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    return (await nameIn(file)) || name
  } finally {
    await rm(beside, { force: true })
  }
}

async function nameIn(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}
