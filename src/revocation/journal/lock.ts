import { randomUUID } from 'node:crypto'
import { constants, copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises'

/** The journal belongs to another process that is alive. */
export class JournalLocked extends Error {
  override readonly name = 'JournalLocked'
  readonly code = 'ERR_JOURNAL_LOCKED'
}

const ATTEMPTS = 3
/** What a file system answers that has no hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']

/**
 * Claims a file for this process, by a file beside it that holds the process's number and when it began. What a dead
 * process left is taken over. Knows the processes of this machine (and of this container) only. Throws
 * {@link JournalLocked}, or the file system's error.
 *
 * @returns what gives the claim up
 */
export async function lock(path: string): Promise<() => Promise<void>> {
  const file = `${path}.lock`
  const mine = `${process.pid} ${await beginOf(process.pid)}`
  // The claim is whole from the moment it has its name: nobody reads half of it and takes its owner for dead.
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, mine, { mode: 0o600 })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await links(draft, file)) return () => rm(file, { force: true })
      const owner = await readFile(file, 'utf8').catch(() => undefined)
      if (owner === undefined) continue
      if (await isAlive(owner)) break
      await removeIf(file, owner)
    }
  } finally {
    await rm(draft, { force: true })
  }
  throw new JournalLocked(`${path} is in use by another process`)
}

/** Gives a file a second name, unless something has it. */
async function links(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file).catch((error) => {
      if (!NO_LINKS.some((code) => isCode(error, code))) throw error
      return copyFile(draft, file, constants.COPYFILE_EXCL)
    })
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw error
  }
}

/** Removes a dead owner's claim, and puts back what turns out to be somebody else's: they may have been faster. */
async function removeIf(file: string, owner: string): Promise<void> {
  const removed = `${file}.${randomUUID()}`
  try {
    await rename(file, removed)
    if ((await readFile(removed, 'utf8')) !== owner) await links(removed, file)
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error
  } finally {
    await rm(removed, { force: true })
  }
}

async function isAlive(owner: string): Promise<boolean> {
  const [pid = 0, began = ''] = owner.split(' ')
  const number = Number(pid)
  if (!Number.isSafeInteger(number) || number <= 0) return false
  try {
    process.kill(number, 0)
  } catch (error) {
    if (!isCode(error, 'EPERM')) return false
  }
  // In a container the gateway has the same number at each start: when it began tells the runs apart.
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
