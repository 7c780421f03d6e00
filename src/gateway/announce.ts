import type { Config } from '../config/index.js'
import { describeError, type Logging } from '../logging/index.js'
import { type RevocationRecord, redacted, type TokenRevocation } from '../revocation/index.js'
import { type OpenStore, openPublisher, openStore, type TopicPublisher, takesRevocations } from '../sources/index.js'
import { MAX_ID_LENGTH, revocationEvent } from '../sources/message/index.js'
import { storable } from '../sync/index.js'
import { within } from '../time/index.js'
import { onlyIssuer } from './issuers.js'

/** The outcome of a revocation at the store or the topic. */
export interface Announcement {
  readonly target: 'store' | 'topic'
  /** Its name, for people. */
  readonly name: string
  /** `cannot`: the store does not take revocations, or none of this kind, or the topic's format has no rules. */
  readonly outcome: 'taken' | 'failed' | 'cannot'
  /** Why it failed or cannot, or how what was taken differs from what was meant. Holds no secret. */
  readonly reason?: string
}

type Target = Pick<Announcement, 'target' | 'name'>

/** Longest time for a put, ms. */
const PUT_TIMEOUT = 20_000

const WITHOUT_ISSUER =
  "without the issuer, which the store does not keep: other issuers' tokens of this name are refused, too"

/**
 * Puts a revocation to the configured store and publishes it to the configured topic, in parallel; one may
 * fail without the other. Empty if neither is configured. Throws `SourceError` for a source that cannot be created.
 */
export async function announce(config: Config, record: RevocationRecord, logging: Logging): Promise<Announcement[]> {
  const store = await openStore(config, logging)
  try {
    const { realtime } = config.tokenRevocationConfig
    return await tell(store, await openPublisher(config), record, realtime.issuer, onlyIssuer(config))
  } finally {
    await store?.close()
  }
}

function tell(
  store: OpenStore | undefined,
  topic: TopicPublisher | undefined,
  record: RevocationRecord,
  topicsIssuer: string | undefined,
  issuer: string | undefined,
): Promise<Announcement[]> {
  const told: Promise<Announcement>[] = []
  if (store !== undefined) told.push(tellStore(store, record, issuer))
  if (topic !== undefined) {
    const target = { target: 'topic', name: topic.name } as const
    if (record.kind === 'token') told.push(attempt(target, record, () => publish(topic, record, topicsIssuer)))
    else told.push(cannot(target, 'its events name tokens only'))
  }
  return Promise.all(told)
}

async function tellStore(
  { store }: OpenStore,
  record: RevocationRecord,
  issuer: string | undefined,
): Promise<Announcement> {
  const target = { target: 'store', name: store.name } as const
  if (!takesRevocations(store)) {
    return cannot(target, 'the store is read-only (an event hub gets revocations from its key manager)')
  }
  const kept = storable(store, record, issuer)
  if (kept === undefined) return cannot(target, `the store keeps no revocations of this kind (${kindOf(record)})`)
  const told = await attempt(target, record, () => within(PUT_TIMEOUT, store.put(kept), tooLate))
  return kept === record || told.outcome !== 'taken' ? told : { ...told, reason: WITHOUT_ISSUER }
}

/** With what the store does not keep of it. */
function kindOf({ kind, iss }: RevocationRecord): string {
  return kind !== 'issuer' && typeof iss === 'string' ? `${kind} of one issuer` : kind
}

async function cannot(target: Target, reason: string): Promise<Announcement> {
  return { ...target, outcome: 'cannot', reason }
}

function tooLate(): Error {
  return new Error(`no answer within ${PUT_TIMEOUT} ms`)
}

async function publish(topic: TopicPublisher, record: TokenRevocation, issuer: string | undefined): Promise<void> {
  // Gateways would silently drop it.
  if (record.id.length > MAX_ID_LENGTH)
    throw new Error(`an id on a topic must have at most ${MAX_ID_LENGTH} characters`)
  await topic.publish(revocationEvent(record, issuer))
}

async function attempt(target: Target, record: RevocationRecord, tell: () => Promise<void>): Promise<Announcement> {
  try {
    await tell()
    return { ...target, outcome: 'taken' }
  } catch (error) {
    return { ...target, outcome: 'failed', reason: redacted(describeError(error), record) }
  }
}
