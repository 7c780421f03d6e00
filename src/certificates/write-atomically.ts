import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces a file's content: after it resolves the new content is on disk, and a reader meanwhile, or after a
 * crash, finds the old content or the new one, never a part. Throws the file system's error and leaves nothing behind.
 */
export async function writeAtomically(file: string, content: string, mode = 0o600): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    await writeSynced(temporary, content, mode)
    await rename(temporary, file)
    await syncDirectory(dirname(file))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function writeSynced(file: string, content: string, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return // a directory can't be opened there
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
