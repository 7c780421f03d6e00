import { open } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Makes a rename outlive a crash of the machine. */
export async function syncDirectoryOf(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
