import type { Readable } from 'node:stream'
import { BoundedCalls } from '../../auth/index.js'
import type { RequestHead } from '../../proxy/index.js'
import { headerCount } from '../key-manager/revocation-form.js'
import { readSmallBody, type SmallBodyFailure } from '../listeners/small-body.js'

/** What an identity provider posted. Nothing of it is verified. */
export interface PostedNotice {
  readonly path: string
  readonly contentType: string | undefined
  readonly authorization: string | undefined
  readonly body: string
}

/** What it is answered. */
export interface PostedAnswer {
  readonly status: number
  /** JSON. */
  readonly body?: Readonly<Record<string, unknown>>
  /** Seconds. */
  readonly retryAfter?: number
}

export interface NoticeEndpointsOptions {
  /** Where notices are received. */
  readonly paths: readonly string[]
  /** Judges a notice, and carries it out. */
  readonly receive: (notice: PostedNotice) => Promise<PostedAnswer>
  /** Milliseconds that a sender may take for the body. Default 10 s. */
  readonly bodyTimeout?: number
}

/** A request that brings a notice. */
export interface NoticeRequest {
  readonly req: RequestHead
  readonly body: Readable
  /** Whoever shares it shares the notices that may be under way. */
  readonly network: string
  /** Asks for its body, if the client waits for that. */
  askForBody(): void
}

/** Bytes of a body: the longest signed message, and the form around it. */
const MAX_BODY = 80_000
const BODY_TIMEOUT = 10_000
/**
 * Notices whose body this process reads or holds, those of one network, and those that wait unread: anyone can send some. At
 * most 256 bodies, 20 MB, are in memory.
 */
const PLACES = { running: 256, runningOfClient: 64, waiting: 1_024 }
/** Of these, how many are handed on at once. */
const LIMITS = { running: 32, runningOfClient: 24, waiting: PLACES.running }
/** Milliseconds until a notice that waits for its turn is turned away. */
const TURN_TIMEOUT = 10_000
const UNREAD: Readonly<Record<SmallBodyFailure, PostedAnswer>> = {
  'body-too-large': { status: 413, body: { error: 'invalid_request' } },
  'body-too-slow': { status: 408, body: { error: 'invalid_request' } },
  'client-left': { status: 400, body: { error: 'invalid_request' } },
}
const BUSY: PostedAnswer = { status: 503, body: { error: 'temporarily_unavailable' }, retryAfter: 1 }

/** The paths to which identity providers post, on the secure listeners alone. Bounds what is under way; judges nothing. */
export class NoticeEndpoints {
  readonly #paths: ReadonlySet<string>
  readonly #options: NoticeEndpointsOptions
  readonly #places = new BoundedCalls(PLACES)
  readonly #calls = new BoundedCalls(LIMITS)

  constructor(options: NoticeEndpointsOptions) {
    this.#options = options
    this.#paths = new Set(options.paths)
  }

  has(method: string, path: string): boolean {
    return method === 'POST' && this.#paths.has(path)
  }

  /** @param path one that {@link has} knows */
  async answer(path: string, request: NoticeRequest): Promise<PostedAnswer> {
    const { req, network } = request
    if (headerCount(req.rawHeaders, 'authorization') > 1 || req.headers['content-encoding'] !== undefined)
      return UNREAD['client-left']
    if (Number(req.headers['content-length'] ?? 0) > MAX_BODY) return UNREAD['body-too-large']
    return inTurn(this.#places, network, () => this.#take(path, request))
  }

  async #take(path: string, request: NoticeRequest): Promise<PostedAnswer> {
    const { req, body, network } = request
    request.askForBody()
    const { receive, bodyTimeout = BODY_TIMEOUT } = this.#options
    const read = await readSmallBody(req, body, { maxBytes: MAX_BODY, timeout: bodyTimeout })
    if (!Buffer.isBuffer(read)) return UNREAD[read]
    const { 'content-type': contentType, authorization } = req.headers
    const notice = { path, contentType, authorization, body: read.toString('utf8') }
    return inTurn(this.#calls, network, () => receive(notice))
  }
}

/** Waits for a turn, for {@link TURN_TIMEOUT} at most. */
async function inTurn(calls: BoundedCalls, network: string, take: () => Promise<PostedAnswer>): Promise<PostedAnswer> {
  const turn = AbortSignal.timeout(TURN_TIMEOUT)
  let hasBegun = false
  const begin = () => {
    hasBegun = true
    return take()
  }
  try {
    return await calls.run(begin, turn, network)
  } catch (error) {
    if (!hasBegun) return BUSY
    throw error
  }
}

/** An answer's headers and body. RFC 6749 §5.1: never cached. */
export function written({ body, retryAfter }: PostedAnswer): { readonly headers: string[]; readonly text: string } {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = ['cache-control', 'no-store', 'content-length', String(Buffer.byteLength(text))]
  if (body !== undefined) headers.push('content-type', 'application/json')
  if (retryAfter !== undefined) headers.push('retry-after', String(retryAfter))
  return { headers, text }
}
