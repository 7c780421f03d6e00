import type { Etcd3 } from 'etcd3'
import { type ClientOptions, openClient } from './client.js'
import { callError, failureOf } from './error.js'
import type { Login } from './login.js'

export interface ConnectionOptions extends ClientOptions {
  readonly servers: readonly string[]
  readonly login: Login
}

/** Calls an etcd cluster: one server until it fails, then the next. Logs in when it must, and again when the login has ended. */
export class EtcdConnection {
  readonly #options: ConnectionOptions
  #server = 0
  #client: Promise<Etcd3> | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** The server that the next call goes to. */
  get server(): string {
    return this.#options.servers[this.#server] ?? ''
  }

  /**
   * Makes a call that may be repeated, at each server at most once.
   * Throws a StoreError; `failureOf` tells what its cause means.
   */
  async call<T>(make: (etcd: Etcd3) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const failed = new Set<number>()
    for (;;) {
      const { server } = this
      const at = this.#server
      try {
        return await this.callHere(make, signal)
      } catch (error) {
        signal?.throwIfAborted()
        if (failureOf(error) !== 'unreachable') throw await callError(server, error)
        failed.add(at)
        this.#leave(at)
        if (failed.has(this.#server)) throw await callError(server, error)
      }
    }
  }

  /** As {@link call}, at this server alone, and staying there if it fails. Throws what etcd3 throws. */
  async callHere<T>(make: (etcd: Etcd3) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { login } = this.#options
    for (let loggedIn = false; ; loggedIn = true) {
      signal?.throwIfAborted()
      try {
        const etcd = await this.#open()
        await login.ensure(etcd)
        return await make(etcd)
      } catch (error) {
        if (failureOf(error) !== 'login' || loggedIn) throw error
        login.forget()
      }
    }
  }

  /** Turns to the next server. */
  leave(): void {
    this.#leave(this.#server)
  }

  /** Closes the connection. The next call opens another. */
  async close(): Promise<void> {
    const closing = this.#client
    this.#client = undefined
    await closing?.then((etcd) => etcd.close()).catch(() => undefined)
  }

  #open(): Promise<Etcd3> {
    this.#client ??= openClient(this.server, this.#options, this.#options.login)
    return this.#client
  }

  /** Turns to the next server, unless another call has done so already. */
  #leave(server: number): void {
    if (this.#server !== server) return
    void this.close()
    this.#server = (server + 1) % this.#options.servers.length
  }
}
