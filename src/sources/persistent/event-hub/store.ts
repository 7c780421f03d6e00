import type { Dispatcher } from 'undici'
import type { Secret } from '../../../config/index.js'
import { type Answer, basicCredentials, CallError, openCall } from '../../../http-client/index.js'
import { describeTarget, type Logging, silent } from '../../../logging/index.js'
import type { RevocationRecord } from '../../../revocation/index.js'
import { AdaptiveTimeout, startTimeSlice } from '../../../time/index.js'
import { MalformedElements, type MalformedListing } from '../../message/index.js'
import { connectionRemedy, loginRejected, peerAt, STORE_KEYS } from '../../remedies.js'
import { type ListingContext, type PersistentStore, StoreError } from '../../source.js'
import { compressedBy, readHubAnswer, unexpected } from './answer.js'
import { type HubEntryProblem, hubRecord } from './entry.js'
import { conditionOf, markOf } from './mark.js'

export interface EventHubOptions {
  /** Up to and without `/revokedjwt`: `https://localhost:9443/internal/data/v1`. */
  readonly endpointUrl: string
  /** Basic authentication; none if empty or absent. */
  readonly username?: string
  readonly password?: Secret
  readonly client: Dispatcher
  /** Milliseconds until a listing must be read whole, the time that its consumer takes included. */
  readonly timeout: number
  /** Milliseconds without a sign of the hub after which a listing is given up; more for a hub that needs more. Default 10 s. */
  readonly idleTimeout?: number
  /** Bytes that a listing may have. */
  readonly maxBytes: number
  /** Milliseconds for which the list keeps a revocation whose token's end is not known. Default 30 days. */
  readonly retention?: number
  readonly logging?: Logging
}

const RETENTION = 30 * 24 * 3_600_000
/** However often a hub says that nothing has changed: after so long (ms), its entries are listed, and renewed. */
const MARK_LIFE = 3_600_000
/** So many times as long as a mark lives, what was listed outlives its own end: until it is listed again. */
const KEPT_BEYOND = 2

/**
 * WSO2's event hub (`type = "default"`): `GET {endpointUrl}/revokedjwt`, in both of its shapes.
 * It has no changes to watch and takes none: revocations are put there by the key manager.
 * A listing throws {@link StoreError} unless it was read whole: what it yielded until then is valid.
 *
 * A hub that sends a strong `ETag`, or a `Last-Modified` that can be relied on, is asked for its list only if that has
 * changed. A 304 then is as good as the list: nothing in it was left out as unreadable, nothing of it ends in the meantime.
 */
export function eventHubStore(options: EventHubOptions): PersistentStore {
  const { client, timeout, maxBytes } = options
  const url = listUrl(options.endpointUrl)
  const { username = '' } = options
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    ...(username === '' ? {} : { authorization: basicCredentials(username, options.password?.reveal() ?? '') }),
  }
  const markLife = Math.min(MARK_LIFE, (options.retention ?? RETENTION) / KEPT_BEYOND)
  const idleTimeout = new AdaptiveTimeout(timeout, options.idleTimeout)
  const malformed = new MalformedElements<HubEntryProblem>({
    logger: (options.logging ?? silent)('TokenRevocation'),
    warning: 'event hub returned unreadable entries',
  })

  async function* list(signal: AbortSignal, context?: ListingContext): AsyncIterable<RevocationRecord> {
    signal.throwIfAborted()
    const ended = new AbortController() // frees the connection when the consumer stops or the answer is refused
    try {
      const asked = { url, username, at: Date.now() }
      const condition = conditionOf(context?.since, asked, markLife)
      const started = performance.now()
      const answer = await openCall(client, {
        url,
        headers: { ...headers, ...condition },
        timeout,
        idleTimeout: idleTimeout.ms,
        maxBytes,
        signal: AbortSignal.any([signal, ended.signal]),
      })
      const took = performance.now() - started
      idleTimeout.answered(took)
      if (answer.status === 304 && Object.keys(condition).length > 0) {
        for await (const _ of answer.body); // empty; frees the connection
        context?.unchanged()
        return
      }
      await requireSuccess(url, answer)
      requireIdentity(answer.headers)
      const mark = markOf(answer.headers, asked, took)
      const unreadable = malformed.listing()
      yield* records(
        readHubAnswer(answer.body, charsetOf(answer.headers)),
        unreadable,
        mark === undefined ? 0 : KEPT_BEYOND * markLife,
      )
      if (mark !== undefined && unreadable.isEmpty) context?.mark(mark)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof CallError && error.code === 'ERR_CALL_IDLE') idleTimeout.timedOut()
      throw error instanceof StoreError ? error : await unreachable(url, error)
    } finally {
      ended.abort()
    }
  }
  return { name: 'event hub', list, malformed: () => malformed.report() }
}

/** The records of an answer. What can't be read is counted, and hides nothing of what follows it. */
async function* records(
  answer: ReturnType<typeof readHubAnswer>,
  malformed: MalformedListing<HubEntryProblem>,
  keepBeyond: number,
): AsyncIterable<RevocationRecord> {
  const now = Date.now()
  const slice = startTimeSlice()
  for await (const read of answer) {
    for (const elements of read) {
      const { list, from } = elements
      if ('problem' in elements) {
        malformed.count(elements.problem, `${list}[${from}]`)
        continue
      }
      for (const [index, value] of elements.values.entries()) {
        const record = hubRecord(list, value, now, keepBeyond)
        if (typeof record === 'string') malformed.count(record, `${list}[${from + index}]`)
        else yield record
        if (slice.isOver()) await slice.yield()
      }
    }
    if (slice.isOver()) await slice.yield()
  }
  malformed.end()
}

function listUrl(endpointUrl: string): string {
  if (!URL.canParse(endpointUrl) || !/^https?:/i.test(endpointUrl)) {
    throw new StoreError('ERR_STORE_CONFIG', 'endpointURL of the event hub must be an http or https URL')
  }
  const url = new URL(endpointUrl)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/revokedjwt`
  return url.href
}

async function requireSuccess(url: string, { status, headers }: Pick<Answer, 'status' | 'headers'>): Promise<void> {
  if (status >= 200 && status < 300) return
  const where = describeTarget(url)
  if (status === 401) throw new StoreError('ERR_STORE_CREDENTIALS', loginRejected(where, 'persistent'))
  if (status === 403) throw new StoreError('ERR_STORE_CREDENTIALS', `${where} answered 403: this user may not read it`)
  if (REDIRECTS.has(status)) {
    const target = redirectTarget(url, headers.location)
    throw new StoreError(
      'ERR_STORE_STATUS',
      `${where} answered ${status}, a redirect${target}, which is not followed: write the final URL in ${STORE_KEYS.url}`,
    )
  }
  // Some servers say so in HTTP when they are spoken to without TLS.
  const remedy =
    status === 400 ? await connectionRemedy(undefined, peerAt(url, describeTarget(url)), STORE_KEYS) : undefined
  throw new StoreError('ERR_STORE_STATUS', remedy ?? `${where} answered ${status}`)
}

const REDIRECTS: ReadonlySet<number> = new Set([300, 301, 302, 303, 305, 307, 308])
const HOST = /^(?:[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,9}|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

/** Scheme and host of a redirect, if they are no more than that; its path and query may hold a session or a token. */
function redirectTarget(url: string, location: string | string[] | undefined): string {
  if (typeof location !== 'string' || !URL.canParse(location, url)) return ''
  const { protocol, host } = new URL(location, url)
  return /^https?:$/.test(protocol) && HOST.test(host) ? ` to ${protocol}//${host}` : ''
}

/** Codings whose names are told; another one may be anything. */
const CODINGS: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'deflate', 'br', 'zstd', 'compress', 'x-compress'])

function requireIdentity(headers: Answer['headers']): void {
  const coding = String(headers['content-encoding'] ?? 'identity')
    .trim()
    .toLowerCase()
  if (coding === 'identity' || coding === '') return
  throw unexpected(compressedBy(CODINGS.has(coding) ? coding : 'an unknown coding'))
}

/** The charset that the answer is declared to be in, in lower case. */
function charsetOf(headers: Answer['headers']): string | undefined {
  const type = headers['content-type']
  return typeof type === 'string' ? /;\s*charset\s*=\s*"?([\w.:-]{1,40})/i.exec(type)?.[1]?.toLowerCase() : undefined
}

async function unreachable(url: string, cause: unknown): Promise<StoreError> {
  const remedy = await connectionRemedy(cause, peerAt(url, describeTarget(url)), STORE_KEYS)
  return new StoreError('ERR_STORE_UNREACHABLE', remedy ?? `cannot list ${describeTarget(url)}`, { cause })
}
