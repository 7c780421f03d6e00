import { setImmediate } from 'node:timers/promises'
import { silent } from '../../src/logging/index.js'
import type { PrimaryMessage, WorkerMessage } from '../../src/replication/messages.js'
import { Publisher } from '../../src/replication/publisher.js'
import { Replica } from '../../src/replication/replica.js'
import { decodeEntries, type RuleEntry, type TokenEntry } from '../../src/revocation/entry.js'
import { RealtimeStatus } from '../../src/revocation/lookup.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import type { SweepBounds } from '../../src/time/clock-checkpoint.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import type { TokenIdentity } from '../../src/token/identity.js'
import { NOBODY } from '../token/nobody.js'

export const fingerprints = new Fingerprinter(Buffer.from('01234567'))
export const RETENTION = { retention: 86_400_000 }
export const FAR = Date.now() + 3_600_000
export const TIME_BOUNDS = (): SweepBounds => ({ expired: 0, retained: Date.now(), endedBefore: 0, droppedBefore: 0 })

export function token(n: number, expiresAt: number | undefined = FAR): RevocationRecord {
  return { kind: 'token', id: `token-${n}`, expiresAt }
}

export function identity(n: number): TokenIdentity {
  return { ...NOBODY, ids: [{ by: 'jti', ...fingerprints.of('token', `token-${n}`) }], expiresAt: FAR }
}

/** All that a list holds, in an order of its own. */
export function contents(list: RevocationList): string[] {
  return [...list.export()]
    .flatMap((block) => [...decodeEntries(block)])
    .map((entry: TokenEntry | RuleEntry) => JSON.stringify({ ...entry, source: list.sources.name(entry.source) }))
    .sort()
}

interface Options {
  readonly limits?: { entries: number; messages: number }
  readonly now?: () => number
  readonly remaining?: () => number
  readonly bounds?: () => SweepBounds
  readonly witness?: (server: string, date: number) => void
}

/** A primary, and a worker that gets a message when it is told to. */
export function pair(t: { teardown(action: () => void): void }, options: Options = {}) {
  const list = new RevocationList({ fingerprints, ...RETENTION })
  const { remaining = () => Number.POSITIVE_INFINITY, bounds = TIME_BOUNDS, ...others } = options
  const realtimeStatus = new RealtimeStatus()
  const logger = silent('t')
  const publisher = new Publisher({
    list,
    seed: fingerprints.seed,
    remaining,
    bounds,
    realtimeStatus,
    logger,
    ...others,
  })
  const down: PrimaryMessage[] = []
  const up: WorkerMessage[] = []
  const subscription = publisher.subscribe('1', (message) => down.push(structuredClone(message)))
  const replica = new Replica({
    ...RETENTION,
    send: (message) => up.push(structuredClone(message)),
    ...(options.now === undefined ? {} : { now: options.now }),
  })
  const told: boolean[] = []
  replica.onRealtime((isLive) => told.push(isLive))
  t.teardown(() => {
    publisher.close()
    replica.close()
  })
  const deliverDown = () => {
    const message = down.shift()
    if (message !== undefined) replica.receive(message)
  }
  const deliverUp = () => {
    const message = up.shift()
    if (message !== undefined) subscription.receive(message)
  }
  return {
    list,
    realtimeStatus,
    /** What the worker was told of realtime. */
    told,
    publisher,
    subscription,
    replica,
    down,
    up,
    deliverDown,
    deliverUp,
    /** Delivers until nothing is under way. */
    async settle() {
      do {
        publisher.flush()
        while (down.length > 0) deliverDown()
        await setImmediate() // acknowledgements go once a turn
        while (up.length > 0) deliverUp()
      } while (down.length > 0 || up.length > 0 || subscription.status()?.state === 'priming')
    },
  }
}
