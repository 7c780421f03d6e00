import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Teardowns } from './teardowns.js'

/** Bytes of the disk that can be filled. */
const DISK = 4 << 20
const FILLER = 'filler'
const JOURNAL = 'revocations.journal'
/** The journal's header, in which each byte matters. */
const HEADER = 20

/** Why a disk of its own cannot be mounted for a gateway; `false` if it can. */
export function disksMissing(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root can mount a small disk'
  const { status } = spawnSync('unshare', ['-m', 'true'])
  return status === 0 ? false : 'no mount namespaces'
}

/**
 * The directory of a gateway's journal. On a small disk of its own if it is to be filled or made read-only: mounted in a
 * namespace that ends with the process that holds it, so nothing is left behind.
 */
export class JournalDirectory {
  readonly #path: string
  #holder: ChildProcess | undefined

  constructor(path: string) {
    this.#path = path
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }

  get file(): string {
    return join(this.#path, JOURNAL)
  }

  /** Mounts the disk. Returns what must stand in front of a command that is to see it. */
  async mount(t: Pick<Teardowns, 'teardown'>): Promise<string[]> {
    const script = `mount -t tmpfs -o size=${DISK},mode=700 tmpfs "$1" && echo mounted && exec sleep 86400`
    const holder = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, 'sh', this.#path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => holder.kill('SIGKILL'))
    await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'exit').then(() => Promise.reject(new Error('no disk could be mounted'))),
    ])
    this.#holder = holder
    return ['nsenter', '-t', String(holder.pid), '-m', '--']
  }

  /** Leaves no byte free. */
  fill(): void {
    const file = openSync(this.#in(FILLER), 'w')
    try {
      for (const size of [65_536, 512, 1]) {
        const block = Buffer.alloc(size)
        try {
          for (;;) writeSync(file, block)
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
        }
      }
    } finally {
      closeSync(file)
    }
  }

  makeRoom(): void {
    rmSync(this.#in(FILLER), { force: true })
  }

  /** Only while nobody has a file open for writing. */
  remount(how: 'ro' | 'rw'): void {
    const pid = String(this.#holder?.pid)
    const { status } = spawnSync('nsenter', ['-t', pid, '-m', '--', 'mount', '-o', `remount,${how}`, this.#path])
    if (status !== 0) throw new Error(`the disk could not be remounted ${how}`)
  }

  /** Flips a bit of the journal: in the header for a `place` below 0.3, else that far into its first half. Says where. */
  flip(place: number): 'header' | 'blocks' | undefined {
    const path = this.#in(JOURNAL)
    let bytes: Buffer
    try {
      bytes = readFileSync(path)
    } catch {
      return undefined
    }
    // What was not synced may be torn, and is no damage: that is the end of the file.
    const half = Math.floor(bytes.length / 2)
    const at = place < 0.3 ? Math.floor((place / 0.3) * HEADER) : Math.floor(((place - 0.3) / 0.7) * half)
    if (at >= half) return undefined
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at)
    writeFileSync(path, bytes)
    return at < HEADER ? 'header' : 'blocks'
  }

  /** A new disk. */
  clear(): void {
    const directory = this.#in('')
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true })
  }

  #in(name: string): string {
    return this.#holder === undefined
      ? join(this.#path, name)
      : join(`/proc/${this.#holder.pid}/root${this.#path}`, name)
  }
}
