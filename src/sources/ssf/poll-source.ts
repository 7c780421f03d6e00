import { JwksUnavailable } from '../../auth/index.js'
import { describeError } from '../../logging/index.js'
import { pause, retrying } from '../../time/index.js'
import { type IdentityProviderSource, type NoticeSink, RecentIds } from '../identity-provider/index.js'
import type { MalformedReport } from '../source.js'
import { HeldSets } from './held-sets.js'
import { ManagedStream, RETRY_LIMITS, type SsfParts } from './managed-stream.js'
import { Polling } from './poll.js'
import { SetError } from './set-error.js'
import { type ReceivedStream, SetReceiver } from './set-receiver.js'
import { StreamHealth } from './stream-health.js'

/** How long a SET is polled again that would be refused and may be accepted later, ms. */
const HOLD_FOR = 600_000
/** Refused SETs that are remembered: each is counted once. */
const MAX_REFUSED = 1_000

/**
 * A poll stream (RFC 8936). What was sent while the gateway was away waits at the transmitter: it is read before the stream is
 * live. A SET is acknowledged once what it ends is durable; one that is refused for good is reported as an error. While the
 * transmitter's keys are unavailable it is neither.
 */
export class PollSource implements IdentityProviderSource {
  readonly name: string
  readonly role = 'stream'
  readonly paths: readonly string[] = []
  readonly #parts: SsfParts
  readonly #receiver: SetReceiver
  readonly #held = new HeldSets()
  readonly #refused = new RecentIds(MAX_REFUSED)
  #stream: ManagedStream | undefined

  constructor(parts: SsfParts) {
    const { name, tokenIssuer, latest, clock, logger } = parts
    this.name = name
    this.#parts = parts
    this.#receiver = new SetReceiver({
      name,
      tokenIssuer,
      latest,
      clock,
      logger,
      news: (told) => this.#stream?.news(told),
    })
  }

  malformed(): MalformedReport | undefined {
    return this.#receiver.malformed()
  }

  async run(sink: NoticeSink, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    const health = new StreamHealth((...status) => sink.state(...status))
    const stream = new ManagedStream(this.#parts, health)
    const polling = new Polling(stream.client)
    this.#stream = stream
    const poll = async (worked: () => void) => {
      const { endpointUrl } = await stream.open(signal)
      await this.#follow(endpointUrl, { stream, health, polling, sink, signal, worked })
    }
    const failed = (reason: unknown) => health.failed(describeError(reason))
    await retrying(poll, { limits: RETRY_LIMITS, clock, signal, failed })
  }

  /** Polls until something fails. */
  async #follow(url: string, following: Following): Promise<void> {
    const { stream, health, polling, sink, signal } = following
    const { clock, settings } = this.#parts
    while (!signal.aborted) {
      await stream.tend(signal)
      const { sets, moreAvailable } = await polling.poll(url, signal, this.#held)
      const fresh = await this.#take(sets, polling, stream.received, sink)
      following.worked()
      health.polled(this.#held.count, moreAvailable)
      // A transmitter that always has more, and never anything new, is not asked any faster.
      if (moreAvailable && fresh > 0) continue
      await pause(settings.pollInterval, clock, signal)
    }
  }

  /** Takes the SETs of one answer; resolves to how many are new. Rejects if some could be neither taken nor refused. */
  async #take(
    sets: readonly (readonly [string, unknown])[],
    polling: Polling,
    stream: ReceivedStream | undefined,
    sink: NoticeSink,
  ): Promise<number> {
    if (stream === undefined) return 0
    const taken = await Promise.allSettled(sets.map(([jti, set]) => this.#takeOne(jti, set, polling, stream, sink)))
    const failed = taken.find((each) => each.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    return taken.filter((each) => each.status === 'fulfilled' && each.value).length
  }

  async #takeOne(
    jti: string,
    set: unknown,
    polling: Polling,
    stream: ReceivedStream,
    sink: NoticeSink,
  ): Promise<boolean> {
    try {
      if (typeof set !== 'string') throw new SetError('invalid_request', 'format', 'not a SET (format)')
      const isNew = await this.#receiver.receive(set, stream, sink, jti)
      polling.acknowledge(jti)
      this.#held.release(jti)
      return isNew
    } catch (error) {
      if (this.#isHeld(jti, String(set).length, error)) return false
      if (!(error instanceof SetError)) throw error
      this.#held.release(jti)
      polling.refuse(jti, error)
      if (this.#refused.has(jti)) return false
      this.#refused.add(jti)
      this.#receiver.refused(error)
      return true
    }
  }

  /** Holds a SET that cannot be judged, without end, or that may pass later, for a while. */
  #isHeld(jti: string, bytes: number, error: unknown): boolean {
    const now = this.#parts.clock.elapsed()
    const mayPass = error instanceof SetError && error.mayPass
    if (!mayPass && !(error instanceof JwksUnavailable)) return false
    const since = mayPass ? (this.#held.since(jti) ?? now) : undefined
    if (since !== undefined && now - since >= HOLD_FOR) return false
    this.#held.hold(jti, bytes, since)
    return true
  }
}

interface Following {
  readonly stream: ManagedStream
  readonly health: StreamHealth
  readonly polling: Polling
  readonly sink: NoticeSink
  readonly signal: AbortSignal
  /** The transmitter answered a poll. */
  worked(): void
}
