import type { Logger, Logging } from '../../logging/index.js'
import type { MalformedReport, RevocationSink } from '../source.js'
import { MalformedElements } from './malformed-elements.js'
import type { MalformedReason, TopicMessage } from './message.js'
import { readMessage } from './read-message.js'

/** The component that these lines have in WSO2's log. */
export const LOG_COMPONENT = 'TokenRevocationJMS'
/** A sink that fails is logged once in this time (ms). */
const WARN_EVERY = 60_000

export interface TopicListenerOptions {
  readonly logging: Logging
  /** The clock, epoch ms. */
  readonly now?: () => number
}

/**
 * Takes the messages of a topic, whatever the protocol: reads each and passes what it says to a sink. A malformed one is
 * counted and logged, never its content, and has no other effect.
 */
export class TopicListener {
  readonly #log: Logger
  readonly #now: () => number
  readonly #malformed: MalformedElements<MalformedReason>
  #sinkWarnedAt = Number.NEGATIVE_INFINITY

  constructor(options: TopicListenerOptions) {
    this.#log = options.logging(LOG_COMPONENT)
    this.#now = options.now ?? Date.now
    this.#malformed = new MalformedElements({
      logger: this.#log,
      warning: 'ignored a malformed message on the topic',
      now: this.#now,
    })
  }

  /** For `/ready`; `undefined` if there were none. */
  malformed(): MalformedReport | undefined {
    return this.#malformed.report()
  }

  /** Reads `message` and passes what it says to `sink`. Never throws: it is called from a connection's callbacks. */
  deliver(message: TopicMessage, sink: RevocationSink): void {
    if (this.#log.debugEnabled) this.#log.debug('token revoked jms Message Received')
    const reading = readMessage(message, this.#now())
    if (reading.kind === 'malformed') {
      this.#refuse(reading.reason)
      return
    }
    try {
      if (reading.kind === 'resync') sink.resync('a batch event on the topic')
      else this.#add(reading.records, message.publishedAt, sink)
    } catch (error) {
      // A sink promises not to throw. If it does, neither the connection nor the next message may suffer.
      if (this.#mayWarnOfSink()) this.#log.error('failed to apply a revocation', error)
    }
  }

  /** Counts a message that the protocol's reader could not turn into a {@link TopicMessage}. */
  undecodable(reason: MalformedReason): void {
    this.#refuse(reason)
  }

  #add(
    records: readonly Parameters<RevocationSink['revoked']>[0][],
    publishedAt: number | undefined,
    sink: RevocationSink,
  ): void {
    for (const record of records) sink.revoked(record, publishedAt)
    if (this.#log.debugEnabled) this.#log.debug('Successfully added to revoked token map')
  }

  #refuse(reason: MalformedReason): void {
    this.#malformed.count(reason)
  }

  #mayWarnOfSink(): boolean {
    const now = this.#now()
    const since = now - this.#sinkWarnedAt
    if (since >= 0 && since < WARN_EVERY) return false
    this.#sinkWarnedAt = now
    return true
  }
}
