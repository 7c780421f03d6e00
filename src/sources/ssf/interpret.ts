import { isDeepStrictEqual } from 'node:util'
import { instant } from '../../revocation/index.js'
import type { JsonObject } from '../../token/index.js'
import { REVOKING_EVENTS, type RevokingEventName, STREAM_UPDATED, VERIFICATION } from './events.js'
import { isObject, type SecurityEventToken } from './read-set.js'
import { SetError } from './set-error.js'
import { type Principal, readSubject, type SubjectRules, type Unreadable } from './subject.js'

/** What ends: the tokens of somebody or something, those issued up to and including the second `at` (epoch s). */
export interface Ended {
  readonly who: Principal
  readonly at: number
}

/** What the transmitter says of the stream itself. */
export type StreamNews =
  | { readonly kind: 'verification'; readonly state: string | undefined }
  | { readonly kind: 'updated'; readonly status: 'enabled' | 'paused' | 'disabled' }

/** What a SET says. */
export interface Interpretation {
  readonly ended: readonly Ended[]
  readonly news: readonly StreamNews[]
  /** Events that are not acted on. */
  readonly ignored: number
  /** Why an event that is acted on could not be applied. What is in `ended` counts all the same. */
  readonly problem?: SetError
}

/** How SETs are interpreted. */
export interface EventRules extends SubjectRules {
  /** The events that end tokens. */
  readonly events: ReadonlySet<RevokingEventName>
  readonly streamId: string | undefined
}

const ABOUT: ReadonlyMap<string, { readonly name: RevokingEventName; readonly about: 'session' | 'account' }> = new Map(
  (Object.keys(REVOKING_EVENTS) as RevokingEventName[]).map((name) => {
    const { type, about } = REVOKING_EVENTS[name]
    return [type, { name, about }]
  }),
)

/**
 * What a SET ends, and what it says of its stream. Pure. An event whose subject cannot be read as it says is a problem and
 * ends nothing: neither less nor more than it says is revoked.
 */
export function interpret(set: SecurityEventToken, rules: EventRules): Interpretation {
  const ended: Ended[] = []
  const news: StreamNews[] = []
  let ignored = 0
  let problem: SetError | undefined
  for (const { type, payload } of set.events) {
    try {
      const told = newsIn(type, payload, set, rules)
      const revoking = ABOUT.get(type)
      if (told !== undefined) news.push(told)
      else if (revoking === undefined || !rules.events.has(revoking.name) || isCreation(payload)) ignored++
      else ended.push({ who: principalOf(payload, set, revoking.about, rules), at: secondOf(payload, set) })
    } catch (error) {
      if (!(error instanceof SetError)) throw error
      problem ??= error
    }
  }
  return { ended, news, ignored, ...(problem === undefined ? {} : { problem }) }
}

/** CAEP 1.0 §3.3: a credential that is new ends no session. */
function isCreation({ change_type: change }: JsonObject): boolean {
  return change === 'create'
}

function principalOf(
  payload: JsonObject,
  { subject }: SecurityEventToken,
  about: 'session' | 'account',
  rules: EventRules,
): Principal {
  // Drafts before SSF 1.0 had the subject in the event.
  if (payload.subject !== undefined && !isDeepStrictEqual(payload.subject, subject)) {
    throw new SetError('invalid_request', 'two-subjects', 'the subject of the event is not that of the SET')
  }
  const who = readSubject(subject, about, rules)
  if (typeof who === 'string') throw new SetError('invalid_request', `subject-${who}`, UNREADABLE[who])
  return who
}

const UNREADABLE: Readonly<Record<Unreadable, string>> = {
  foreign: 'the subject is of another issuer',
  format: 'the subject has a format by which tokens cannot be found',
  narrowed: 'a member of the subject narrows it, and tokens cannot be found by it',
}

/** When it happened: not after the SET was issued, whatever the event says. */
function secondOf({ event_timestamp: at }: JsonObject, { issuedAt }: SecurityEventToken): number {
  const happened = typeof at === 'number' ? instant(at) : undefined
  return Math.floor(Math.min(happened ?? issuedAt, issuedAt) / 1000)
}

function newsIn(
  type: string,
  payload: JsonObject,
  { subject }: SecurityEventToken,
  { streamId }: EventRules,
): StreamNews | undefined {
  if (type !== VERIFICATION && type !== STREAM_UPDATED) return undefined
  if (streamId !== undefined && (subject.format !== 'opaque' || subject.id !== streamId)) {
    throw new SetError('invalid_request', 'stream', 'sub_id is not this stream')
  }
  if (type === VERIFICATION) {
    return { kind: 'verification', state: typeof payload.state === 'string' ? payload.state : undefined }
  }
  const status = isObject(payload.status) ? payload.status.status : payload.status
  if (status !== 'enabled' && status !== 'paused' && status !== 'disabled') {
    throw new SetError('invalid_request', 'status', 'the new status of the stream is none that there is')
  }
  return { kind: 'updated', status }
}
