import type { Dispatcher } from 'undici'
import type { Secret } from '../../config/secret.js'
import { basicCredentials, CallError, openCall } from '../../http-client/index.js'
import { describeTarget, type Logging, MalformedElements, type MalformedListing, silent } from '../../logging/index.js'
import type { PersistentStore, RevocationRecord } from '../record.js'
import { readHubAnswer } from './event-hub-answer.js'
import { type HubEntryProblem, hubRecord } from './event-hub-entry.js'
import { startPace } from './pace.js'
import { Patience } from './patience.js'
import { StoreError } from './store-error.js'

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
  readonly logging?: Logging
}

/**
 * WSO2's event hub (`type = "default"`): `GET {endpointUrl}/revokedjwt`, in both of its shapes.
 * It has no changes to watch and takes none: revocations are put there by the key manager.
 * A listing throws {@link StoreError} unless it was read whole: what it yielded until then is true all the same.
 */
export function eventHubStore(options: EventHubOptions): PersistentStore {
  const { client, timeout, maxBytes } = options
  const url = listUrl(options.endpointUrl)
  const headers = {
    accept: 'application/json',
    ...(options.username
      ? { authorization: basicCredentials(options.username, options.password?.reveal() ?? '') }
      : {}),
  }
  const patience = new Patience(timeout, options.idleTimeout)
  const malformed = new MalformedElements<HubEntryProblem>({
    logger: (options.logging ?? silent)('TokenRevocation'),
    warning: 'the event hub returned unreadable entries',
  })

  async function* list(signal: AbortSignal): AsyncIterable<RevocationRecord> {
    signal.throwIfAborted()
    const ended = new AbortController() // frees the connection when the consumer stops, or the answer is not for us
    try {
      const asked = performance.now()
      const answer = await openCall(client, {
        url,
        headers,
        timeout,
        idleTimeout: patience.ms,
        maxBytes,
        signal: AbortSignal.any([signal, ended.signal]),
      })
      patience.rewarded(performance.now() - asked)
      requireSuccess(url, answer.status)
      yield* records(answer.body, malformed.listing())
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof CallError && error.code === 'ERR_CALL_IDLE') patience.lost()
      throw error instanceof StoreError ? error : unreachable(url, error)
    } finally {
      ended.abort()
    }
  }
  return { name: 'event hub', list, malformed: () => malformed.report() }
}

/** The records of an answer. What can't be read is counted, and hides nothing of what follows it. */
async function* records(
  body: AsyncIterable<Uint8Array>,
  malformed: MalformedListing<HubEntryProblem>,
): AsyncIterable<RevocationRecord> {
  const now = Date.now()
  const pace = startPace()
  for await (const read of readHubAnswer(body)) {
    for (const elements of read) {
      const { list, from } = elements
      if ('problem' in elements) {
        malformed.count(elements.problem, `${list}[${from}]`)
        continue
      }
      for (const [index, value] of elements.values.entries()) {
        const record = hubRecord(list, value, now)
        if (typeof record === 'string') malformed.count(record, `${list}[${from + index}]`)
        else yield record
        if (pace.due()) await pace.turn()
      }
    }
    if (pace.due()) await pace.turn()
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

function requireSuccess(url: string, status: number): void {
  if (status >= 200 && status < 300) return
  const code = status === 401 || status === 403 ? 'ERR_STORE_CREDENTIALS' : 'ERR_STORE_STATUS'
  throw new StoreError(code, `${describeTarget(url)} answered ${status}`)
}

function unreachable(url: string, cause: unknown): StoreError {
  return new StoreError('ERR_STORE_UNREACHABLE', `${describeTarget(url)} could not be listed`, { cause })
}
