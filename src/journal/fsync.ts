import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Where the journal and the outbox reach the disk. Callers: the writer after each batch, a compaction before its file
 * replaces the old one, the length record, the outbox's segments, and all that creates or renames one of those files.
 */

/** Writes all of `bytes` at `position`. If it rejects, a part of them may have been written. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, bytes.length - written, position + written)).bytesWritten
  }
}

/** Resolves when the file's bytes survive a crash of the machine. After a rejection nobody knows which of them do. */
export function fsync(file: FileHandle): Promise<void> {
  return file.datasync()
}

/** Resolves when the names in the directory of `path` survive a crash of the machine: after a create or a rename. */
export async function fsyncDirectoryOf(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
