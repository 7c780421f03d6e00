import { copyFile, type FileHandle, open, readFile } from 'node:fs/promises'
import { writeAtomically } from '../../certificates/index.js'
import { hasCode } from '../../error-code.js'
import type { Logger } from '../../logging/index.js'

/** A token that is revoked, by its `jti`, and when (epoch ms) it would have ended anyway. */
export interface RevokedToken {
  readonly jti: string
  readonly expiryTime: number
}

/** A gateway's clock may be behind: it learns of a revocation for so long (ms) after the token's end. */
const KEPT_AFTER_EXPIRY = 300_000
/** The file is compacted when it has this many lines more than it needs. */
const SPARE_LINES = 10_000
const MAX_JTI_LENGTH = 255

/**
 * The token service's list of revoked tokens and its file: one JSON object a line. An entry is on disk when
 * {@link add} resolves; concurrent additions share one write. A line that a crash cut off is ignored at the next start.
 */
export class RevocationLog {
  readonly #file: string
  readonly #log: Logger
  readonly #clock: () => number
  readonly #entries = new Map<string, RevokedToken>()
  #handle: FileHandle | undefined
  /** Bytes of the file that are whole and on disk. */
  #length = 0
  #lines = 0
  #waiting: RevokedToken[] = []
  #next: Promise<void> | undefined
  #last: Promise<void> = Promise.resolve()

  private constructor(file: string, log: Logger, clock: () => number) {
    this.#file = file
    this.#log = log
    this.#clock = clock
  }

  /** Reads the file, drops what has expired, and keeps it open. Throws the file system's error. */
  static async open(file: string, log: Logger, clock: () => number = Date.now): Promise<RevocationLog> {
    const opened = new RevocationLog(file, log, clock)
    const damaged = await opened.#read()
    if (damaged > 0) {
      await copyFile(file, `${file}.old`)
      log.warn('unreadable lines in the revocation list; copied the file to .old', { lines: damaged })
    }
    await opened.#rewrite()
    return opened
  }

  has(jti: string): boolean {
    return this.#entries.has(jti)
  }

  /** Revoked tokens that a gateway may still meet; all are on disk. */
  list(): RevokedToken[] {
    this.#dropExpired()
    return [...this.#entries.values()]
  }

  /** Resolves when the entry is on disk, and is listed only then. Throws the file system's error. */
  add(revoked: RevokedToken): Promise<void> {
    this.#waiting.push(revoked)
    if (this.#next === undefined) {
      this.#next = this.#last.then(() => this.#write())
      this.#last = this.#next.catch(() => undefined)
    }
    return this.#next
  }

  /** Waits for additions under way and closes the file. */
  async close(): Promise<void> {
    await this.#last
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #write(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    this.#next = undefined
    if (this.#handle === undefined) throw new Error('the revocation list is closed')
    const bytes = Buffer.from(batch.map(line).join(''))
    try {
      await this.#handle.appendFile(bytes)
      await this.#handle.sync()
    } catch (error) {
      // The part that was written must not grow together with the next line.
      await this.#handle.truncate(this.#length).catch(() => undefined)
      throw error
    }
    this.#length += bytes.length
    this.#lines += batch.length
    for (const revoked of batch) this.#entries.set(revoked.jti, revoked)
    this.#dropExpired()
    if (this.#lines > 2 * this.#entries.size + SPARE_LINES) {
      // What was asked for is on disk already: a longer file than needed is nobody's failure.
      await this.#rewrite().catch((error) => this.#log.error('compacting the revocation list failed', error))
    }
  }

  async #rewrite(): Promise<void> {
    this.#dropExpired()
    const content = [...this.#entries.values()].map(line).join('')
    await writeAtomically(this.#file, content)
    const handle = await open(this.#file, 'a', 0o600)
    await this.#handle?.close()
    this.#handle = handle
    this.#length = Buffer.byteLength(content)
    this.#lines = this.#entries.size
  }

  /** Answers how many lines, a cut-off last one aside, could not be read. */
  async #read(): Promise<number> {
    const text = await readFile(this.#file, 'utf8').catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) throw error
      return ''
    })
    const lines = text.split('\n')
    const cutOff = lines.pop() ?? ''
    let damaged = 0
    for (const text of lines) if (!this.#take(text)) damaged++
    this.#take(cutOff)
    return damaged
  }

  #take(text: string): boolean {
    const revoked = parse(text)
    if (revoked !== undefined) this.#entries.set(revoked.jti, revoked)
    return revoked !== undefined
  }

  #dropExpired(): void {
    const oldest = this.#clock() - KEPT_AFTER_EXPIRY
    for (const { jti, expiryTime } of this.#entries.values()) if (expiryTime < oldest) this.#entries.delete(jti)
  }
}

function line({ jti, expiryTime }: RevokedToken): string {
  return `${JSON.stringify({ jti, expiryTime })}\n`
}

function parse(text: string): RevokedToken | undefined {
  try {
    const { jti, expiryTime } = JSON.parse(text) as Record<string, unknown>
    const valid = typeof jti === 'string' && jti !== '' && jti.length <= MAX_JTI_LENGTH
    return valid && Number.isSafeInteger(expiryTime) ? { jti, expiryTime: Number(expiryTime) } : undefined
  } catch {
    return undefined
  }
}
