import { randomUUID } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A name of this gateway's own that outlives restarts: made once, kept in `file`. */
export async function gatewayName(file: string): Promise<string> {
  const name = `mgw-${randomUUID()}`
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  try {
    await writeFile(file, name, { flag: 'wx', mode: 0o600 })
    return name
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    return (await readFile(file, 'utf8')).trim()
  }
}
