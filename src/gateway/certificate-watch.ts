import { stat } from 'node:fs/promises'
import type { Config } from '../config/index.js'
import type { Logger } from '../logging/index.js'

/** Milliseconds between two looks at the files. */
const INTERVAL = 10_000

/**
 * Looks whether the files of the listeners' certificate have changed, and calls `renew` when they have, until it works:
 * a key and its certificate are replaced one after the other. Symbolic links are followed, as Kubernetes replaces them.
 */
export class CertificateWatch {
  readonly #renew: () => Promise<void>
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  #files: readonly string[] = []
  /** Of the files that were read last, and of those that could not be used. */
  #read = ''
  #refused = ''
  #looking = false

  /** @param interval milliseconds */
  constructor(renew: () => Promise<void>, logger: Logger, interval = INTERVAL) {
    this.#renew = renew
    this.#logger = logger
    this.#timer = setInterval(() => void this.look(), interval)
    this.#timer.unref()
  }

  /** The files that a configuration names have just been read. */
  async read(config: Pick<Config, 'listenerConfig'>): Promise<void> {
    const { certFile, keyFile, keyStorePath } = config.listenerConfig
    this.#files = [certFile, keyFile, keyStorePath].filter((file) => file !== undefined)
    this.#read = await stateOf(this.#files)
    this.#refused = ''
  }

  /** Looks once. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking || this.#files.length === 0) return
    this.#looking = true
    const now = await stateOf(this.#files)
    try {
      if (now === this.#read) return
      await this.#renew()
      this.#read = now
      this.#logger.info('certificate of the listeners reloaded')
    } catch (error) {
      if (now !== this.#refused) this.#logger.error('new certificate cannot be used; the old one stays', error)
      this.#refused = now
    } finally {
      this.#looking = false
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** What tells one state of the files from another; a file that is not there is one of them. */
async function stateOf(files: readonly string[]): Promise<string> {
  const states = files.map(async (file) => {
    const found = await stat(file).catch(() => undefined)
    return found === undefined ? 'absent' : `${found.ino} ${found.size} ${found.mtimeMs}`
  })
  return (await Promise.all(states)).join('\n')
}
