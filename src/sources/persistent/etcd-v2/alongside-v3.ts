import { describeError, type Logger } from '../../../logging/index.js'
import type { RevocationRecord } from '../../../revocation/index.js'
import { type MalformedReport, StoreError } from '../../source.js'
import type { CombinedWatch } from '../etcd/combined-watch.js'
import type { V2Presence } from './listing.js'
import type { EtcdV2Store } from './store.js'

/**
 * etcd's v2 API beside its v3 one: two stores in one server that know nothing of each other. The commands of old guides
 * (`etcdctl mkdir jti`, `set <jti> <ttl>`) write to the first, and a URL with `/v3/` or a bare host means the second, so
 * each listing looks at both. Where nobody uses the v2 API that costs one short call.
 */
export class EtcdV2AlongsideV3 {
  readonly #store: EtcdV2Store
  readonly #log: Logger
  /** It held something for us: from then on it counts as much as v3. */
  #inUse = false
  #warned: string | undefined
  #changed: () => void = () => undefined
  #gone = new AbortController()

  constructor(store: EtcdV2Store, log: Logger) {
    this.#store = store
    this.#log = log
  }

  get inUse(): boolean {
    return this.#inUse
  }

  /** What it holds that could not be read. */
  malformed(): MalformedReport | undefined {
    return this.#store.malformed?.()
  }

  /**
   * Begins to look at it; to be called before the listing by v3, that takes its time meanwhile. What it returns lists
   * what was found: it throws when that can't be read whole and somebody uses it, and else warns.
   *
   * @param inUse whether an earlier run knew that it is used
   */
  look(signal: AbortSignal, inUse = false): () => AsyncIterable<RevocationRecord> {
    if (inUse) this.#setInUse(true)
    const looked = this.#store.look(signal).catch((error: unknown) => ({ error }))
    return () => this.#list(looked, signal)
  }

  /** Follows it, while it is used, as a part of a watch of both. Ends with the signal. */
  async follow(watch: CombinedWatch, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#used(signal)
      if (signal.aborted) return
      const part = watch.join()
      await this.#store.watch(part.sink, AbortSignal.any([signal, this.#gone.signal]))
      part.leave()
    }
  }

  async *#list(looked: Promise<V2Presence | { error: unknown }>, signal: AbortSignal): AsyncIterable<RevocationRecord> {
    const presence = await looked
    signal.throwIfAborted()
    if (typeof presence === 'object') return this.#failed(presence.error)
    if (presence === 'absent') return this.#absent()
    if (presence === 'in use') this.#setInUse(true)
    if (presence === 'empty' && !this.#inUse) {
      this.#warned = undefined
      return
    }
    try {
      let found = false
      for await (const record of this.#store.list(signal)) {
        found = true
        yield record
      }
      this.#warned = undefined
      if (found) this.#setInUse(true)
    } catch (error) {
      signal.throwIfAborted()
      this.#failed(error)
    }
  }

  /** Throws the error if what could not be read is known to hold something. */
  #failed(error: unknown): void {
    if (this.#inUse) throw error
    const refused = error instanceof StoreError && error.code === 'ERR_STORE_CREDENTIALS'
    this.#warn(
      refused
        ? "etcd's v2 API rejected the user name or password: tokens revoked with ETCDCTL_API=2 are not seen; add the user to that API (ETCDCTL_API=2 etcdctl user add), or start etcd without --enable-v2"
        : "etcd's v2 API cannot be read: tokens revoked with ETCDCTL_API=2 are not seen",
      refused ? {} : { reason: describeError(error) },
    )
  }

  #absent(): void {
    this.#warned = undefined
    if (!this.#inUse) return
    this.#log.warn("etcd's v2 API is gone: keeping the revocations read from it")
    this.#setInUse(false)
  }

  #setInUse(inUse: boolean): void {
    if (inUse === this.#inUse) return
    this.#inUse = inUse
    if (inUse) {
      this.#log.info("etcd's v2 API holds keys: watching both APIs")
      this.#gone = new AbortController()
      this.#changed()
    } else this.#gone.abort()
  }

  #used(signal: AbortSignal): Promise<void> {
    if (this.#inUse) return Promise.resolve()
    return new Promise((resolve) => {
      const end = () => {
        signal.removeEventListener('abort', end)
        this.#changed = () => undefined
        resolve()
      }
      this.#changed = end
      signal.addEventListener('abort', end, { once: true })
    })
  }

  #warn(text: string, detail: { readonly reason?: string }): void {
    if (this.#warned === text) return
    this.#warned = text
    this.#log.warn(text, detail)
  }
}
