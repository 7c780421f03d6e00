import type { IncomingHttpHeaders } from 'node:http'
import { makeRequestId } from '../../tracing/index.js'
import { peerOf } from '../client-network.js'
import type { TurnedAway } from '../listeners/turned-away.js'
import type { ObservedRequest, RequestObserver } from './request-observer.js'

/** Why a listener turns a request away, by its status; `unreadable` for any other. */
const REASONS: Readonly<Record<number, string>> = {
  408: 'headers-too-slow',
  413: 'chunk-extensions',
  417: 'expectation',
  431: 'headers-too-large',
  505: 'http-version',
}
const NO_HEADERS: IncomingHttpHeaders = {}
const UNREADABLE = { httpVersion: '', headers: NO_HEADERS, rawHeaders: [] }

/** Reports what a listener answers itself, as a refused request of no API; nothing if nobody observes. */
export function reportTurnedAway(observers: readonly RequestObserver[], isSecure: boolean): TurnedAway | undefined {
  if (observers.length === 0) return undefined
  return (status, connection, req = UNREADABLE) => {
    const correlation = { requestId: makeRequestId(), trace: undefined, isContinued: false }
    const request: ObservedRequest = {
      req,
      isSecure,
      isWebSocket: false,
      requestId: correlation.requestId,
      traceId: undefined,
      correlation,
      client: peerOf(connection),
      api: undefined,
      match: undefined,
      token: undefined,
      revocation: undefined,
      upstream: undefined,
    }
    const outcome = { status, reason: REASONS[status] ?? 'unreadable', isRefused: true, bytes: 0, duration: 0 }
    for (const observer of observers) observer.over(request, outcome)
  }
}
