import { randomUUID } from 'node:crypto'
import { constants, copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hasCode } from '../error-code.js'

/** Another process, which is alive, holds the lock. */
export class JournalLocked extends Error {
  override readonly name = 'JournalLocked'
  readonly code = 'ERR_JOURNAL_LOCKED'
}

const ATTEMPTS = 3
/** A takeover is guarded by a lock of its own, which a process that dies then leaves behind, and so on: this deep at most. */
const MAX_DEPTH = 2
/** The errors of a file system without hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

/**
 * Locks a file for this process, by a file beside it that holds the process's id and its start time. A dead process's lock
 * is taken over. Knows the processes of this machine, or of this container, only. Throws {@link JournalLocked}, or the file
 * system's error.
 *
 * @returns a function that releases the lock
 */
export async function lock(path: string): Promise<() => Promise<void>> {
  const file = `${path}.lock`
  if (await claim(file, `${process.pid} ${await startOf(process.pid)}`)) return () => rm(file, { force: true })
  throw new JournalLocked(`${path} is locked by another process`)
}

async function claim(file: string, mine: string, depth = 0): Promise<boolean> {
  const holder = await ownerOf(file)
  if (holder !== undefined && (await isAlive(holder))) return false // the usual case, polled often: writes nothing
  // The lock file is complete when it gets its name: nobody reads half of it and takes its owner for dead.
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, mine, { mode: 0o600 })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await linkUnlessExists(draft, file)) return true
      const owner = await ownerOf(file)
      if (owner === undefined) continue
      if (depth > MAX_DEPTH || (await isAlive(owner))) return false
      if (await takeOver(file, owner, draft, mine, depth)) return true
    }
    return false
  } finally {
    await rm(draft, { force: true })
  }
}

/**
 * Replaces a dead owner's lock by `draft`. A guard lets one process at a time check that it is still there and replace it:
 * without the guard, a slower process could remove the lock of a faster one.
 */
async function takeOver(file: string, owner: string, draft: string, mine: string, depth: number): Promise<boolean> {
  const guard = `${file}.takeover`
  if (!(await claim(guard, mine, depth + 1))) return false
  try {
    if ((await ownerOf(file)) !== owner) return false
    await rename(draft, file)
    return true
  } finally {
    await rm(guard, { force: true })
  }
}

function ownerOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined)
}

/** Links `draft` as `file`; false if `file` exists. */
async function linkUnlessExists(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file).catch((error) => {
      if (!hasCode(error, ...NO_LINKS)) throw error
      return copyFile(draft, file, constants.COPYFILE_EXCL)
    })
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

async function isAlive(owner: string): Promise<boolean> {
  const [pid = 0, started = ''] = owner.split(' ')
  const number = Number(pid)
  if (!Number.isSafeInteger(number) || number <= 0) return false
  try {
    process.kill(number, 0)
  } catch (error) {
    if (!hasCode(error, 'EPERM')) return false
  }
  // In a container the gateway has the same id at each start: the start time tells the runs apart.
  const now = await startOf(number)
  return now === started || now === ''
}

/** When a process started, in the kernel's ticks: tells it from a later process with the same id. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
