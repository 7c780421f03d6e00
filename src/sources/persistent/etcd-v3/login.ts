import type { Etcd3 } from 'etcd3'
import type { Secret } from '../../../config/index.js'
import type { Logger } from '../../../logging/index.js'
import type { CallToken } from './client.js'
import { failureOf } from './error.js'

export interface LoginOptions {
  /** No login if empty or absent. */
  readonly username?: string
  readonly password?: Secret
  readonly log: Logger
}

/**
 * The login of one user, valid at every server of a cluster.
 * A user name against an etcd without authentication is a warning.
 */
export class Login implements CallToken {
  readonly #options: LoginOptions
  #token: string | undefined
  #needless: boolean
  #warned = false
  #running: Promise<void> | undefined

  constructor(options: LoginOptions) {
    this.#options = options
    this.#needless = !options.username
  }

  get token(): string | undefined {
    return this.#token
  }

  forget(): void {
    this.#token = undefined
    this.#needless = !this.#options.username
  }

  /** Logs in unless that was done already, or is not needed. */
  async ensure(etcd: Etcd3): Promise<void> {
    if (this.#needless || this.#token !== undefined) return
    this.#running ??= this.#authenticate(etcd).finally(() => {
      this.#running = undefined
    })
    await this.#running
  }

  async #authenticate(etcd: Etcd3): Promise<void> {
    const { username, password, log } = this.#options
    try {
      const { token } = await etcd.auth.authenticate({ name: username ?? '', password: password?.reveal() ?? '' })
      this.#token = token
    } catch (error) {
      if (failureOf(error) !== 'authentication-off') throw error
      this.#needless = true
      if (!this.#warned) log.warn('etcd authentication is disabled: ignoring the configured user name')
      this.#warned = true
    }
  }
}
