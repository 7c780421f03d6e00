import { randomUUID } from 'node:crypto'
import { constants, copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hasCode } from '../error-code.js'

/** The journal belongs to another process that is alive. */
export class JournalLocked extends Error {
  override readonly name = 'JournalLocked'
  readonly code = 'ERR_JOURNAL_LOCKED'
}

const ATTEMPTS = 3
/** Taking over is done under a claim, which a process may leave behind that dies of all moments then; and so on, so deep. */
const DEEPEST = 2
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
  if (await claim(file, `${process.pid} ${await beginOf(process.pid)}`)) return () => rm(file, { force: true })
  throw new JournalLocked(`${path} is in use by another process`)
}

async function claim(file: string, mine: string, depth = 0): Promise<boolean> {
  const holder = await ownerOf(file)
  if (holder !== undefined && (await isAlive(holder))) return false // mostly, and asked often: writes nothing
  // The claim is whole from the moment it has its name: nobody reads half of it and takes its owner for dead.
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, mine, { mode: 0o600 })
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await links(draft, file)) return true
      const owner = await ownerOf(file)
      if (owner === undefined) continue
      if (depth > DEEPEST || (await isAlive(owner))) return false
      if (await takeOver(file, owner, draft, mine, depth)) return true
    }
    return false
  } finally {
    await rm(draft, { force: true })
  }
}

/**
 * Puts `draft` in the place of a dead owner's claim. One process at a time may look whether that is still there, and do so:
 * whoever removed it without that might remove the claim of one that was faster.
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

/** Gives a file a second name, unless something has it. */
async function links(draft: string, file: string): Promise<boolean> {
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
  const [pid = 0, began = ''] = owner.split(' ')
  const number = Number(pid)
  if (!Number.isSafeInteger(number) || number <= 0) return false
  try {
    process.kill(number, 0)
  } catch (error) {
    if (!hasCode(error, 'EPERM')) return false
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
