import { open, readFile, rm, unlink } from 'node:fs/promises'

/** The journal belongs to another process that is alive. */
export class JournalLocked extends Error {
  override readonly name = 'JournalLocked'
  readonly code = 'ERR_JOURNAL_LOCKED'
}

/**
 * Claims a file for this process, by a file beside it that holds the process's number and when it began. What a dead
 * process left is taken over. Throws {@link JournalLocked}, or the file system's error.
 *
 * @returns what gives the claim up
 */
export async function lock(path: string): Promise<() => Promise<void>> {
  const file = `${path}.lock`
  const mine = `${process.pid} ${await beginOf(process.pid)}`
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const handle = await open(file, 'wx', 0o600)
      await handle.writeFile(mine)
      await handle.close()
      return () => rm(file, { force: true })
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error
    }
    const owner = await readFile(file, 'utf8').catch(() => '')
    if (await isAlive(owner)) throw new JournalLocked(`${path} is in use by another process`)
    await unlink(file).catch(() => undefined)
  }
  throw new JournalLocked(`${path} is being claimed by others`)
}

async function isAlive(owner: string): Promise<boolean> {
  const [pid = 0, began = ''] = owner.split(' ')
  const number = Number(pid)
  // In a container the gateway has the same number at each start.
  if (!Number.isInteger(number) || number <= 0) return false
  if (number === process.pid && began === (await beginOf(process.pid))) return true
  try {
    process.kill(number, 0)
  } catch (error) {
    return isCode(error, 'EPERM')
  }
  const now = await beginOf(number)
  return now === began || now === ''
}

/** When a process began, in the kernel's ticks: a number that was given to another process since has another one. */
async function beginOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
