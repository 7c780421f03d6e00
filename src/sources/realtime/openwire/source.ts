import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Secret } from '../../../config/index.js'
import { type Logger, silent } from '../../../logging/index.js'
import type { RetryTiming } from '../../../time/index.js'
import type { TopicMessage } from '../../message/index.js'
import type { RealtimeSource, RevocationSink } from '../../source.js'
import { runWithReconnect } from '../broker/reconnect.js'
import { withRemedy } from '../broker/remedy.js'
import type { OpenWireError } from './error.js'
import { LONGEST_FRAME } from './frames.js'
import { type DurableSubscription, subscribeTopic } from './subscribe.js'

export interface OpenWireBroker {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

export interface OpenWireSourceOptions {
  /** At least one; tried in turn. */
  readonly brokers: readonly OpenWireBroker[]
  /** The topic's name, without a scheme. */
  readonly topic: string
  /** Absent or empty: no authentication. */
  readonly username?: string
  readonly password?: Secret
  /** For the brokers with `tls`: CA, client certificate, whether the certificate is verified. */
  readonly tls?: TlsOptions
  /** Milliseconds of silence after which a broker counts as dead; three pings fit in. 14,000 if absent. */
  readonly heartbeat?: number
  /** Milliseconds until a subscription must be live. 10,000 if absent. */
  readonly connectTimeout?: number
  readonly durable?: DurableSubscription
  /** Bytes that a frame, and an inflated body, may have to be read; what is longer is malformed. 1 MiB if absent. */
  readonly maxFrameSize?: number
  readonly backoff?: Partial<RetryTiming>
  readonly logger?: Logger
  /**
   * Receives each message, in order; it is acknowledged once this returns, and over a durable subscription once the
   * sink has it stored. When it throws, that is logged.
   */
  onMessage(message: TopicMessage, sink: RevocationSink): void
  /** Told of each message that is too long or can't be read; it is acknowledged. */
  onMalformed?(error: OpenWireError): void
}

/** Two heartbeats of 7 s: a broker that fell silent is noticed within 15 s, whatever its protocol. */
export const DEFAULT_HEARTBEAT = 14_000
const DEFAULT_CONNECT_TIMEOUT = 10_000
export const DEFAULT_MAX_FRAME_SIZE = 1024 * 1024

const SMALLEST_FRAME_LIMIT = 1024
const LONGEST_NAME = 10_000
const COMPLAIN_EVERY = 60_000

/**
 * A source that reads a topic of ActiveMQ (Classic or Artemis) over OpenWire.
 * Throws a RangeError that names the option when one makes no sense.
 */
export function openWireSource(options: OpenWireSourceOptions): RealtimeSource {
  const heartbeat = options.heartbeat ?? DEFAULT_HEARTBEAT
  const connectTimeout = options.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT
  const maxFrameSize = options.maxFrameSize ?? DEFAULT_MAX_FRAME_SIZE
  check(options, heartbeat, connectTimeout, maxFrameSize)
  const logger = options.logger ?? silent('TokenRevocationJMS')
  return {
    name: 'openwire',
    run(sink, signal) {
      const guarded = guard(logger)
      return runWithReconnect(
        {
          brokers: options.brokers,
          logger,
          // The time limit of an attempt is ours; the outer one is the net below it.
          attemptTimeout: connectTimeout * 2,
          ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
          subscribe: (broker, attempt) =>
            withRemedy('openwire', broker, attempt, () =>
              subscribeTopic(
                {
                  host: broker.host,
                  port: broker.port,
                  tls: broker.tls ? (options.tls ?? {}) : undefined,
                  maxInactivity: heartbeat,
                  maxFrameSize,
                  connectTimeout,
                  topic: options.topic,
                  username: options.username,
                  password: options.password,
                  durable: options.durable,
                  onMessage: (message) => guarded(() => options.onMessage(message, sink)),
                  onMalformed: (error) => guarded(() => options.onMalformed?.(error)),
                  stored: async () => sink.stored?.(),
                  logger,
                },
                attempt,
              ),
            ),
        },
        sink,
        signal,
      )
    },
  }
}

/** Calls a listener that may throw; complains of it once a minute. */
function guard(logger: Logger): (call: () => void) => void {
  let complainedAt = Number.NEGATIVE_INFINITY
  return (call) => {
    try {
      call()
    } catch (error) {
      const now = performance.now()
      if (now - complainedAt < COMPLAIN_EVERY) return
      complainedAt = now
      logger.error('failed to process a message on the revocation topic', error)
    }
  }
}

function check(options: OpenWireSourceOptions, heartbeat: number, connectTimeout: number, maxFrameSize: number): void {
  if (options.brokers.length === 0) throw new RangeError('brokers: there must be at least one')
  for (const { host, port } of options.brokers) {
    if (host === '') throw new RangeError('brokers: a host is empty')
    if (!(Number.isInteger(port) && port > 0 && port < 65_536)) throw new RangeError('brokers: a port is out of range')
  }
  const names = { topic: options.topic, clientId: options.durable?.clientId, subscription: options.durable?.name }
  for (const [option, name] of Object.entries(names)) {
    if (name === '' || (name !== undefined && name.length > LONGEST_NAME)) {
      throw new RangeError(`${option}: must have 1 to ${LONGEST_NAME} characters`)
    }
  }
  if ((options.username?.length ?? 0) > LONGEST_NAME) throw new RangeError('username: too long')
  if ((options.password?.reveal().length ?? 0) > LONGEST_NAME) throw new RangeError('password: too long')
  if (!(heartbeat >= 30 && heartbeat <= 3_600_000)) throw new RangeError('heartbeat: must be 30 ms to an hour')
  if (!(connectTimeout >= 1 && connectTimeout <= 600_000))
    throw new RangeError('connectTimeout: must be 1 ms to 10 min')
  if (!(maxFrameSize >= SMALLEST_FRAME_LIMIT && maxFrameSize <= LONGEST_FRAME)) {
    throw new RangeError(`maxFrameSize: must be ${SMALLEST_FRAME_LIMIT} to ${LONGEST_FRAME} bytes`)
  }
}
