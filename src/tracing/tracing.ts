import type { IncomingHttpHeaders } from 'node:http'
import { makeRequestId, readRequestId } from './request-id.js'
import { makeSpanId, readTraceparent, startTrace, type TraceContext, writeTraceparent } from './trace-context.js'

export interface TracingOptions {
  /** Whether a client's own `X-Request-ID` is taken, and not only a trusted proxy's. */
  readonly keepClientRequestId: boolean
  /** Whether a request without a valid `traceparent` starts a trace. */
  readonly startTraces: boolean
  /** The share of started traces that are marked as sampled, 0 to 1. */
  readonly sampleRatio: number
  /** Whether the gateway records spans of its own: then every request belongs to a trace. */
  readonly recordsSpans?: boolean
}

/** By what a request is found again: in the log, at the upstream, in a trace. */
export interface Correlation {
  readonly requestId: string
  /** `undefined`: it belongs to no trace. */
  readonly trace: TraceContext | undefined
  /** Whether the trace is its sender's, and not started here. */
  readonly isContinued: boolean
  /** Of the gateway's own spans, if it records them: of the request, and of what it sends upstream. */
  readonly spans?: { readonly server: string; readonly client: string }
}

const REQUEST_ID = 'X-Request-ID'
const TRACEPARENT = /^traceparent$/i
const OF_TRACE = /^trace(?:parent|state)$/i

/** Gives each request an id, and its place in a trace (W3C Trace Context), and tells upstreams of both. */
export class Tracing {
  readonly #options: TracingOptions

  constructor(options: TracingOptions) {
    this.#options = options
  }

  /** Decides on both. @param isTrusted whether the request came from a trusted proxy */
  correlate(headers: IncomingHttpHeaders, isTrusted: boolean): Correlation {
    const { keepClientRequestId, startTraces, sampleRatio, recordsSpans = false } = this.#options
    const given = isTrusted || keepClientRequestId ? readRequestId(headers['x-request-id']) : undefined
    const trace = readTraceparent(headers.traceparent)
    return {
      requestId: given ?? makeRequestId(),
      trace: trace ?? (startTraces || recordsSpans ? startTrace(sampleRatio) : undefined),
      isContinued: trace !== undefined,
      ...(recordsSpans ? { spans: { server: makeSpanId(), client: makeSpanId() } } : {}),
    }
  }

  /**
   * Adds to a request's headers (name, value, name, value ...) what upstreams are told: its id, and a trace that was started
   * here. A valid `traceparent` stays as it came, with its `tracestate`, or names the gateway's own span; else neither is
   * passed on.
   */
  tell({ requestId, trace, isContinued, spans }: Correlation, came: IncomingHttpHeaders, headers: string[]): string[] {
    const { traceparent, tracestate } = came
    let told = headers
    if (!isContinued && (traceparent !== undefined || tracestate !== undefined)) told = without(headers, OF_TRACE)
    else if (spans !== undefined && traceparent !== undefined) told = without(headers, TRACEPARENT)
    told.push(REQUEST_ID, requestId)
    if (trace === undefined || (isContinued && spans === undefined)) return told
    told.push('traceparent', writeTraceparent(spans === undefined ? trace : { ...trace, parentId: spans.client }))
    return told
  }
}

function without(headers: readonly string[], names: RegExp): string[] {
  return headers.filter((_, i) => !names.test(headers[i - (i % 2)] as string))
}
