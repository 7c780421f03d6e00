import { scrub } from '../../logging/index.js'
import { redactTarget } from './redact.js'
import type { ObservedRequest, Outcome } from './request-observer.js'

export type AccessLayout = 'wso2' | 'combined' | 'json'

/** Writes a line, without its end. `caller`: whether it may name the token's subject and client. */
type Layout = (request: ObservedRequest, outcome: Outcome, caller: boolean) => string

/** The status of a request whose client left before there was a response: nginx's. */
const CLIENT_LEFT = 499
/** Characters of a target, a referer and a user agent. */
const MAX_TARGET = 2_048
const MAX_HEADER = 512

/** The layouts of the access log. */
export const ACCESS_LAYOUTS: Readonly<Record<AccessLayout, Layout>> = {
  /** As the access log of WSO2's gateway, which is the combined one without the caller. */
  wso2: (request, outcome) => combined(request, outcome, '-'),
  /** Apache's and nginx's combined log format. */
  combined: (request, outcome, caller) => combined(request, outcome, caller ? request.token?.subject : undefined),
  json(request, outcome, caller) {
    const { req, api, match, token } = request
    const [path = '', query] = target(request).split('?', 2)
    return escapeControls(
      JSON.stringify({
        time: new Date(Date.now() - outcome.duration).toISOString(),
        client: request.client,
        method: req.method ?? '',
        path,
        query,
        protocol: protocolOf(request),
        status: outcome.status || CLIENT_LEFT,
        bytes: outcome.bytes,
        durationMs: Math.round(outcome.duration * 1_000) / 1_000,
        reason: outcome.reason,
        api: api?.name,
        version: api?.version,
        resource: match?.resource.fullTemplate,
        upstream: request.upstream?.origin,
        webSocket: request.isWebSocket ? true : undefined,
        requestId: request.requestId,
        traceId: request.traceId,
        token: token?.hash,
        ...(caller ? { subject: token?.subject, clientId: token?.client } : {}),
        referer: headerOf(request, 'referer'),
        userAgent: headerOf(request, 'user-agent'),
      }),
    )
  },
}

function combined(request: ObservedRequest, { status, bytes, duration }: Outcome, user: string | undefined): string {
  const { req, client } = request
  const line = `${quoted(req.method)} ${quoted(target(request))} ${protocolOf(request)}`
  const referer = quoted(headerOf(request, 'referer'))
  const agent = quoted(headerOf(request, 'user-agent'))
  const at = localTime(Date.now() - duration)
  return `${client || '-'} - ${word(user)} [${at}] "${line}" ${status || CLIENT_LEFT} ${bytes} "${referer}" "${agent}"`
}

function target({ req }: ObservedRequest): string {
  return redactTarget(req.url ?? '').slice(0, MAX_TARGET)
}

function protocolOf({ req }: ObservedRequest): string {
  return req.httpVersion === '' ? '-' : `HTTP/${req.httpVersion}`
}

/** A referer is a URL: redacted as one. */
function headerOf({ req }: ObservedRequest, name: 'referer' | 'user-agent'): string | undefined {
  const value = req.headers[name]
  if (value === undefined) return undefined
  return (name === 'referer' ? redactTarget(value) : scrub(value)).slice(0, MAX_HEADER)
}

/** As Apache writes it: no character of it can end the quotes, or the line. */
function quoted(text: string | undefined): string {
  if (text === undefined || text === '') return '-'
  return text.replace(/[^ !#-[\]-~]/g, (c) =>
    c === '"' || c === '\\' ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

function word(text: string | undefined): string {
  return quoted(text).replaceAll(' ', '\\x20')
}

/** JSON leaves these as they are; terminals do not. */
function escapeControls(json: string): string {
  return json.replace(/[\x7f-\x9f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
let lastSecond = Number.NaN
let lastTime = ''

/** `27/Nov/2026:20:03:48 +0000`, in local time: made once a second. */
function localTime(epoch: number): string {
  const second = Math.floor(epoch / 1000)
  if (second === lastSecond) return lastTime
  const at = new Date(epoch)
  const two = (n: number) => String(Math.trunc(n)).padStart(2, '0')
  const offset = -at.getTimezoneOffset()
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}${two(Math.abs(offset) % 60)}`
  lastSecond = second
  lastTime =
    `${two(at.getDate())}/${MONTHS[at.getMonth()]}/${at.getFullYear()}:` +
    `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} ${zone}`
  return lastTime
}
