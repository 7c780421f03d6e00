import type { Dispatcher } from 'undici'

/** Tells what time it is, by the `Date` of an answer (RFC 9110 §6.6.1) and the `Age` that a cache gave it; epoch ms. */
export type Witness = (server: string, date: number) => void

/** A client that hands on the time of each answer. Closing is for the one that it is made of. */
export function observeDates(client: Dispatcher, witness: Witness): Dispatcher {
  return client.compose((dispatch) => (options, handler) => {
    const start = handler.onResponseStart?.bind(handler)
    handler.onResponseStart = (controller, status, headers, message) => {
      const date = dateOf(headers)
      if (date !== undefined) witness(String(options.origin ?? ''), date)
      start?.(controller, status, headers, message)
    }
    return dispatch(options, handler)
  })
}

/** A client, and the clocks of the servers that answered it. */
export interface ObservedServers {
  /** Closing is for the client that it is made of. */
  readonly client: Dispatcher
  /** Epoch ms: what the clock furthest ahead shows, by each server's last `Date`; -Infinity while none has told the time. */
  readonly latest: () => number
}

/**
 * Keeps the clocks of the servers that answer through the returned client, and of no others: whoever must not move another's
 * clock gets one of its own.
 *
 * @param elapsed ms of a monotonic clock
 * @param witness told of each answer, too
 */
export function observeServers(
  client: Dispatcher,
  elapsed: () => number,
  witness: Witness = () => undefined,
): ObservedServers {
  const ahead = new Map<string, number>() // of the monotonic clock, by server
  return {
    client: observeDates(client, (server, date) => {
      ahead.set(server, date - elapsed())
      witness(server, date)
    }),
    latest: () => Math.max(...ahead.values()) + elapsed(),
  }
}

/** `undefined` for an answer that does not say. */
function dateOf(headers: Readonly<Record<string, string | string[] | undefined>>): number | undefined {
  const { date, age = '0' } = headers
  if (typeof date !== 'string' || typeof age !== 'string') return undefined
  const moment = Date.parse(date) + (/^\d{1,9}$/.test(age) ? Number(age) * 1000 : 0)
  return Number.isFinite(moment) ? moment : undefined
}
