import { type FileHandle, open } from 'node:fs/promises'
import type { Test } from 'tap'
import { soon } from './opened-journal.js'

/** Calls `around` in place of each fsync of a file or directory in this process, until the test ends. */
export async function interceptSyncs(
  t: Test,
  around: (file: FileHandle, sync: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const probe = await open('.', 'r')
  const handles = Object.getPrototypeOf(probe) as FileHandle
  await probe.close()
  for (const name of ['datasync', 'sync'] as const) {
    const real = handles[name]
    t.intercept(handles, name, {
      value(this: FileHandle) {
        return around(this, () => real.call(this))
      },
    })
  }
}

/** Calls `action` when the next compacted file is in place, before its directory is synced. Resolves once that is done. */
export function afterCompaction(t: Test, action: () => void = () => {}): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    let isFirst = true
    interceptSyncs(t, async (file, sync) => {
      if (isFirst && (await file.stat()).isDirectory()) {
        isFirst = false
        action()
        resolve()
      }
      await sync()
    }).catch(reject)
  })
  return soon(done, 'the file was not compacted')
}
