import { METHODS } from 'node:http'
import { scrub } from '../logging/index.js'
import type { ObservedRequest, Outcome, RequestObserver } from '../server/index.js'
import { redactTarget } from '../server/index.js'
import type { Attributes, RequestDurations, Span, SpanQueue } from '../telemetry/index.js'

/** Characters of a header's value that a span has at most. */
const MAX_HEADER = 512

/** What is told of requests; absent: not that. */
export interface RequestSpansOptions {
  readonly spans?: SpanQueue | undefined
  readonly durations?: RequestDurations | undefined
}

/**
 * Tells of each request as OpenTelemetry's semantic conventions for HTTP have it: a span of kind server, one of kind client for
 * what went upstream, and its duration. Credentials are taken out of URLs and headers.
 */
export class RequestSpans implements RequestObserver {
  readonly #options: RequestSpansOptions

  constructor(options: RequestSpansOptions) {
    this.#options = options
  }

  over(request: ObservedRequest, outcome: Outcome): void {
    const { spans, durations } = this.#options
    const common = commonAttributes(request, outcome)
    if (!request.isWebSocket) durations?.observe(common, outcome.duration)
    const { trace, isContinued, spans: ids } = request.correlation
    if (spans === undefined || trace?.sampled !== true || ids === undefined) return
    const endedAt = Date.now()
    const startedAt = endedAt - outcome.duration
    const parentSpanId = isContinued ? trace.parentId : undefined
    const method = common['http.request.method']
    const route = common['http.route']
    spans.add({
      traceId: trace.traceId,
      spanId: ids.server,
      parentSpanId,
      name: route === undefined ? `${method}` : `${method} ${route}`,
      kind: 'server',
      startedAt,
      endedAt,
      attributes: serverAttributes(request, outcome, common),
      isError: outcome.status >= 500,
    })
    if (outcome.sent === undefined || request.upstream === undefined) return
    spans.add(clientSpan(request, outcome, { traceId: trace.traceId, ids, startedAt, endedAt }))
  }
}

const KNOWN: ReadonlySet<string | undefined> = new Set(METHODS)

/** What the metric has, too. Values are of a bounded number. */
function commonAttributes({ req, isSecure, match }: ObservedRequest, { status, reason }: Outcome): Attributes {
  return {
    'http.request.method': KNOWN.has(req.method) ? req.method : '_OTHER',
    'url.scheme': isSecure ? 'https' : 'http',
    'http.route': match?.resource.fullTemplate,
    'http.response.status_code': status === 0 ? undefined : status,
    'network.protocol.version': req.httpVersion === '2.0' ? '2' : req.httpVersion || undefined,
    'error.type': errorType(status, reason),
  }
}

function serverAttributes(request: ObservedRequest, { reason }: Outcome, common: Attributes): Attributes {
  const { req, client, api, token, requestId } = request
  const [path, query] = redactTarget(req.url ?? '').split('?', 2)
  const [address, port] = hostOf(headerOf(req.headers.host))
  return {
    ...common,
    'url.path': path,
    'url.query': query === '' ? undefined : query,
    'server.address': address,
    'server.port': port,
    'client.address': client === '' ? undefined : client,
    'user_agent.original': headerOf(req.headers['user-agent']),
    'mgw.request_id': requestId,
    'mgw.api': api?.name,
    'mgw.reason': reason,
    'mgw.token': token?.hash,
  }
}

function clientSpan(
  { req, upstream }: ObservedRequest,
  { sent, reason }: Outcome,
  at: { traceId: string; ids: { server: string; client: string }; startedAt: number; endedAt: number },
): Span {
  const status = sent?.status ?? 0
  const [address, port] = hostOf(upstream?.origin.replace(/^.*:\/\//, ''))
  const method = KNOWN.has(req.method) ? req.method : '_OTHER'
  return {
    traceId: at.traceId,
    spanId: at.ids.client,
    parentSpanId: at.ids.server,
    name: `${method}`,
    kind: 'client',
    startedAt: at.startedAt + (sent?.after ?? 0),
    endedAt: at.endedAt,
    attributes: {
      'http.request.method': method,
      'url.full': redactTarget(`${upstream?.origin}${upstream?.path}`),
      'server.address': address,
      'server.port': port,
      'http.response.status_code': status === 0 ? undefined : status,
      'error.type': status >= 400 ? String(status) : status === 0 ? reason : undefined,
    },
    isError: status === 0 || status >= 400,
  }
}

/** As the conventions have it: the status of a server's error, or why there is no response. */
function errorType(status: number, reason: string): string | undefined {
  if (status >= 500) return String(status)
  return status === 0 ? reason : undefined
}

/** What a client writes there may have a credential in it. */
function headerOf(value: string | undefined): string | undefined {
  return value === undefined ? undefined : scrub(value).slice(0, MAX_HEADER)
}

function hostOf(host: string | undefined): [address: string | undefined, port: number | undefined] {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host ?? '')
  return [parts?.[1] || undefined, parts?.[2] === undefined ? undefined : Number(parts[2])]
}
