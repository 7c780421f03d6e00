import { createHash, timingSafeEqual } from 'node:crypto'
import type { Config, Secret } from '../../config/index.js'
import { describeError, FailureLog } from '../../logging/index.js'
import { pause, retrying } from '../../time/index.js'
import {
  type IdentityProviderSource,
  type Notice,
  type NoticeAnswer,
  type NoticeSink,
  UNAUTHENTICATED,
} from '../identity-provider/index.js'
import type { MalformedReport } from '../source.js'
import { ManagedStream, RETRY_LIMITS, type SsfParts } from './managed-stream.js'
import { SET_TYPE } from './read-set.js'
import { SetError } from './set-error.js'
import { SetReceiver } from './set-receiver.js'
import { StreamHealth } from './stream-health.js'

/** Why a post is refused that anybody can make. */
const UNAUTHORIZED = `${UNAUTHENTICATED}authorization`
/** How often it is seen to whether a verification event is due or overdue, or the stream is to be enabled, ms. */
const TEND_INTERVAL = 5_000
/** Seconds after which a SET is worth sending again that could not be judged or stored. */
const RETRY_AFTER = 5
const UNAVAILABLE: NoticeAnswer = { status: 503, retryAfter: RETRY_AFTER }

/** Where a provider's push stream delivers, if it has one. */
export function pushPaths({ name, ssf }: Config['identityProvider'][number]): string[] {
  return ssf?.delivery === 'push' ? [`/ssf/${name}`] : []
}

/**
 * A push stream (RFC 8935). A SET is answered 202 once what it ends is durable, 503 while it cannot be judged or stored, and 400
 * only if it is refused for good. What the transmitter gives up while the gateway is
 * away is lost.
 */
export class PushSource implements IdentityProviderSource {
  readonly name: string
  readonly role = 'push'
  readonly paths: readonly [string]
  readonly #parts: SsfParts
  readonly #authorization: Buffer
  readonly #receiver: SetReceiver
  readonly #failures: FailureLog
  #running: { readonly stream: ManagedStream; readonly health: StreamHealth } | undefined

  /** @param authorization the header that the transmitter sends; it is known to nobody else */
  constructor(parts: SsfParts, path: string, authorization: Secret) {
    const { name, tokenIssuer, latest, logger, clock } = parts
    this.name = name
    this.paths = [path]
    this.#parts = parts
    this.#authorization = digest(authorization.reveal())
    this.#failures = new FailureLog(logger, () => clock.elapsed())
    const news = (told: Parameters<ManagedStream['news']>[0]) => this.#running?.stream.news(told)
    this.#receiver = new SetReceiver({ name, tokenIssuer, latest, clock, logger, news })
  }

  malformed(): MalformedReport | undefined {
    return this.#receiver.malformed()
  }

  async run(sink: NoticeSink, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    const health = new StreamHealth((...status) => sink.state(...status))
    const stream = new ManagedStream(this.#parts, health)
    this.#running = { stream, health }
    const tend = async (worked: () => void) => {
      await stream.open(signal)
      health.reached()
      worked()
      while (!signal.aborted) {
        await stream.tend(signal)
        await pause(TEND_INTERVAL, clock, signal)
      }
    }
    const failed = (reason: unknown) => health.failed(describeError(reason))
    await retrying(tend, { limits: RETRY_LIMITS, clock, signal, failed })
  }

  async receive({ contentType, authorization, body }: Notice, sink: NoticeSink): Promise<NoticeAnswer> {
    const stream = this.#running?.stream.received
    try {
      // Before anything is parsed: whoever does not know it costs a comparison.
      if (!timingSafeEqual(digest(authorization ?? ''), this.#authorization)) {
        throw new SetError('authentication_failed', UNAUTHORIZED, 'not the Authorization of this stream')
      }
      if (mediaType(contentType) !== `application/${SET_TYPE}`) {
        throw new SetError('invalid_request', 'content-type', `content-type is not application/${SET_TYPE}`)
      }
      if (stream === undefined) return UNAVAILABLE
      await this.#receiver.receive(body, stream, sink)
      this.#running?.health.held(0)
      this.#running?.health.proven()
      return { status: 202 }
    } catch (error) {
      if (error instanceof SetError) return this.#refuse(error)
      const reason = describeError(error)
      this.#failures.failed('error', 'security event not applied; answered 503', reason, { source: this.name })
      return this.#later()
    }
  }

  /** The transmitter is to send it again: 400 would be the last of it. */
  #later(): NoticeAnswer {
    this.#running?.health.held(1)
    return UNAVAILABLE
  }

  #refuse(error: SetError): NoticeAnswer {
    this.#receiver.refused(error)
    if (error.mayPass) return this.#later()
    return { status: 400, body: { err: error.code, description: error.message } }
  }
}

/** Of equal length, so that they can be compared in constant time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase()
}
