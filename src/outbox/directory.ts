import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fsyncDirectoryOf, lock } from '../journal/index.js'
import { Segment } from './segment.js'

/** The directory of a gateway's outboxes, locked for this process from the first {@link claim} on. */
export class OutboxDirectory {
  readonly path: string
  #claim: Promise<() => Promise<void>> | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Creates and locks it. Throws `JournalLocked` while another process holds it, or the file system's error. */
  async claim(): Promise<void> {
    this.#claim ??= this.#claimed()
    await this.#claim.catch((error) => {
      this.#claim = undefined
      throw error
    })
  }

  /** What an earlier run left of an outbox: its segments in order, why others are unreadable, the last segment's number. */
  async segments(name: string): Promise<{ found: Segment[]; last: number; unreadable: unknown[] }> {
    const pattern = new RegExp(`^${name}-(\\d{1,15})$`)
    const numbers = (await readdir(this.path)).flatMap((file) => pattern.exec(file)?.slice(1).map(Number) ?? [])
    numbers.sort((a, b) => a - b)
    const found: Segment[] = []
    const unreadable: unknown[] = []
    for (const number of numbers) {
      await Segment.find(join(this.path, `${name}-${number}`)).then(
        (segment) => found.push(segment),
        (error) => unreadable.push(error),
      )
    }
    return { found, last: numbers.at(-1) ?? 0, unreadable }
  }

  async create(name: string, number: number): Promise<Segment> {
    const path = join(this.path, `${name}-${number}`)
    const segment = await Segment.create(path)
    await fsyncDirectoryOf(path)
    return segment
  }

  async release(): Promise<void> {
    const release = await this.#claim?.catch(() => undefined)
    await release?.()
  }

  async #claimed(): Promise<() => Promise<void>> {
    await mkdir(this.path, { recursive: true, mode: 0o700 })
    await fsyncDirectoryOf(this.path)
    return lock(this.path)
  }
}
