import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerSessionOptions,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type ClientStream, destroyAfterLinger, Http2Stream, ignoreError } from '../../proxy/index.js'
import { readHead } from './http2-head.js'
import { RateLimit } from './rate-limit.js'
import type { SlowReaders } from './slow-readers.js'
import type { TurnedAway } from './turned-away.js'

/** Requests of one connection that are served at a time (SETTINGS_MAX_CONCURRENT_STREAMS). */
export const MAX_CONCURRENT_STREAMS = 100
/** Header fields of one request. Beyond that, and beyond twice the bytes of `maxHeaderSize`, the stream is reset. */
const MAX_HEADER_FIELDS = 256
/** Malformed requests and frames of one connection until it is closed. */
const MAX_INVALID = 100
/** SETTINGS of one frame. */
const MAX_SETTINGS = 32
/** Requests that a client may abandon at once, and each second: CVE-2023-44487, "rapid reset". */
const ABANDONED = { burst: 200, perSecond: 20 }
/** PING and SETTINGS frames that are answered at once, and each second. */
const CONTROL_FRAMES = { burst: 100, perSecond: 10 }

export interface Http2Limits {
  /** Bytes of a request's headers: more is answered 431. */
  readonly maxHeaderSize: number
  readonly maxUriLength: number
  /** Milliseconds for which a client may send nothing while it is waited for, or read nothing; 0: no limit. */
  readonly timeout: number
  /** Milliseconds that a connection without requests is kept. */
  readonly idleTimeout: number
  /** Whether it is kept at all once its requests are answered. */
  readonly keepAlive: boolean
}

/** Who is told of what happens on a connection. */
export interface Http2Watchers {
  /** Told of each request that is answered without being served. */
  readonly turnedAway?: TurnedAway | undefined
  /** Resets streams whose client takes their response too slowly; absent: `timeout` alone does. */
  readonly slowStreams?: SlowReaders<Http2Stream> | undefined
}

/** The HTTP/2 connections of a listener. */
export class Http2Connections {
  readonly #limits: Http2Limits
  readonly #serve: (stream: ClientStream) => void
  readonly #open = new Map<Socket, Http2Connection>()
  readonly #watchers: Http2Watchers
  #draining = false

  constructor(limits: Http2Limits, serve: (stream: ClientStream) => void, watchers: Http2Watchers = {}) {
    this.#limits = limits
    this.#serve = serve
    this.#watchers = watchers
  }

  /** Takes over a connection whose client chose `h2` (RFC 7301). */
  add(socket: TLSSocket): void {
    const connection = new Http2Connection(socket, this.#limits, this.#serve, this.#watchers)
    this.#open.set(socket, connection)
    socket.once('close', () => this.#open.delete(socket))
    if (this.#draining) connection.drain()
  }

  /** The connection that a socket carries; `undefined`: not one of HTTP/2. */
  of(socket: Socket): Http2Connection | undefined {
    return this.#open.get(socket)
  }

  /** Sends GOAWAY on each connection, which closes once its requests are answered. */
  drain(): void {
    this.#draining = true
    for (const connection of this.#open.values()) connection.drain()
  }

  destroy(): void {
    for (const connection of this.#open.values()) connection.destroy()
  }
}

class Http2Connection {
  readonly #socket: TLSSocket
  readonly #session: ServerHttp2Session
  readonly #limits: Http2Limits
  readonly #serve: (stream: ClientStream) => void
  readonly #watchers: Http2Watchers
  readonly #abandoned = new RateLimit(ABANDONED)
  readonly #controlFrames = new RateLimit(CONTROL_FRAMES)
  #streams = 0
  #idle: NodeJS.Timeout | undefined

  constructor(socket: TLSSocket, limits: Http2Limits, serve: (stream: ClientStream) => void, watchers: Http2Watchers) {
    this.#socket = socket
    this.#limits = limits
    this.#serve = serve
    this.#watchers = watchers
    const session = performServerHandshake(socket, optionsOf(limits))
    this.#session = session
    session.on('error', ignoreError)
    session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _: number, raw: string[]) => {
      this.#receive(stream, headers, raw)
    })
    session.on('ping', () => this.#count(this.#controlFrames))
    session.on('remoteSettings', () => this.#count(this.#controlFrames))
    session.on('close', () => clearTimeout(this.#idle))
    if (limits.timeout > 0) session.setTimeout(limits.timeout, () => this.destroy())
    this.#awaitRequest()
  }

  /** Whether no request is under way. */
  get isIdle(): boolean {
    return this.#streams === 0
  }

  drain(): void {
    if (!this.#session.closed) this.#session.close()
    // Node waits for the client to close its side, too.
    if (this.#streams === 0) destroyAfterLinger(this.#socket)
  }

  /** Closes the connection at once, whatever is under way on it. */
  destroy(): void {
    this.#session.destroy()
    this.#socket.destroy()
  }

  #receive(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    if (this.#streams++ === 0) clearTimeout(this.#idle)
    const head = readHead(headers, raw, this.#limits.maxHeaderSize)
    const isRefused = typeof head === 'number'
    const read = isRefused ? { ...UNREAD, headers } : head
    const served = new Http2Stream(stream, read, this.#socket, this.#limits.timeout)
    served.onLeft(() => this.#count(this.#abandoned))
    this.#watchers.slowStreams?.watch(served)
    stream.once('close', () => {
      this.#watchers.slowStreams?.forget(served)
      if (--this.#streams > 0) return
      const { closed, destroyed } = this.#session
      if (closed || destroyed || !this.#limits.keepAlive) this.drain()
      else this.#awaitRequest()
    })
    if (isRefused) return this.#turnAway(served, head)
    const { expect } = headers
    if (expect === undefined) return this.#serve(served)
    // RFC 9110 §10.1.1: the only expectation that is supported.
    if (expect.toLowerCase() !== '100-continue') return this.#turnAway(served, 417)
    continueWhenRead(stream)
    this.#serve(served)
  }

  #turnAway(stream: Http2Stream, status: number): void {
    stream.respond(status, EMPTY, '')
    this.#watchers.turnedAway?.(status, this.#socket, stream.req)
  }

  /** Closes the connection unless a request arrives in time. */
  #awaitRequest(): void {
    this.#idle = setTimeout(() => this.drain(), this.#limits.idleTimeout)
  }

  #count(limit: RateLimit): void {
    if (!limit.allows(performance.now())) this.#session.destroy(TOO_MUCH, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }
}

const TOO_MUCH = new Error('the client sent more than it may')
const UNREAD = { httpVersion: '2.0', rawHeaders: [] }

const EMPTY = ['content-length', '0']

/** Asks the client for its body once somebody reads it: a refused one is never sent. */
function continueWhenRead(stream: ServerHttp2Stream): void {
  stream.once('resume', () => {
    if (!stream.headersSent && !stream.destroyed && !stream.closed) stream.additionalHeaders({ ':status': 100 })
  })
}

function optionsOf({ maxHeaderSize, maxUriLength }: Http2Limits): ServerSessionOptions {
  return {
    maxHeaderListPairs: MAX_HEADER_FIELDS,
    maxSessionInvalidFrames: MAX_INVALID,
    maxSessionRejectedStreams: MAX_CONCURRENT_STREAMS,
    maxSettings: MAX_SETTINGS,
    settings: {
      maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
      maxHeaderListSize: 2 * (maxHeaderSize + maxUriLength),
    },
  }
}
