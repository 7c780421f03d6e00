import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Test } from 'tap'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { forwardWebSocket, type UpstreamFailure, type WebSocketTransfer, writeResponse } from '../../src/proxy/index.js'
import { toUpstreams } from './endpoints.js'
import { SILENT } from './forwarding.js'

export interface UpgradeProxy {
  readonly port: number
  readonly url: string
  /** In the order in which the clients came. */
  readonly transfers: WebSocketTransfer[]
  readonly failures: { readonly failure: UpstreamFailure; readonly answered: boolean }[]
  /** Emits `failed` and `ended`. */
  readonly events: EventEmitter
  /** How many transfers have ended. */
  ended(): number
}

export interface UpgradeProxyOptions {
  readonly mayStart?: () => boolean
  readonly mayGoOn?: () => boolean
  readonly tls?: ConnectionOptions
  readonly connectTimeout?: number
  readonly answerTimeout?: number
  readonly idleTimeout?: number
  readonly path?: string
  readonly endpoints?: Parameters<typeof toUpstreams>[1]
  /** PEM: clients come over TLS. */
  readonly listener?: { readonly cert: string; readonly key: string }
  readonly removed?: ReadonlySet<string>
  /** Told what came with a handshake. */
  readonly onHead?: (head: Buffer) => void
}

/** A server that joins every upgrade with one upstream, the first that can be reached, and answers a failure with 599. */
export async function upgradeProxy(
  t: Test,
  origin: string | readonly string[],
  options: UpgradeProxyOptions = {},
): Promise<UpgradeProxy> {
  const {
    mayStart = () => true,
    mayGoOn = () => true,
    tls = {},
    connectTimeout = 5_000,
    answerTimeout = 20_000,
    idleTimeout = 20_000,
  } = options
  const transfers: WebSocketTransfer[] = []
  const failures: UpgradeProxy['failures'] = []
  const events = new EventEmitter()
  let ended = 0
  const to = toUpstreams(origin, options.endpoints)
  const { listener } = options
  const server = listener === undefined ? createServer() : createTlsServer(listener)
  server.on('upgrade', (req, socket, head) => {
    options.onHead?.(head)
    const headers = SILENT.requestHeaders(req, req.socket, options.removed ?? new Set())
    const upstream = to(options.path ?? req.url ?? '/', headers)
    const hooks = {
      mayStart,
      mayGoOn,
      failed: (failure: UpstreamFailure, answered: boolean) => {
        failures.push({ failure, answered })
        if (!answered) writeResponse(socket, 599, ['x-failure', failure], failure)
        events.emit('failed', failure)
      },
      ended: () => {
        ended++
        events.emit('ended')
      },
    }
    transfers.push(
      forwardWebSocket(upstream, req, socket, head, hooks, { tls, connectTimeout, answerTimeout, idleTimeout }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const transfer of transfers) transfer.abort(new Error('the test is over'))
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `${listener === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}`,
    transfers,
    failures,
    events,
    ended: () => ended,
  }
}

/** A WebSocket server on a free loopback port; `onSocket` gets every connection. */
export async function webSocketServer(
  t: Test,
  onSocket: (socket: WebSocket, req: IncomingMessage) => void,
): Promise<{ origin: string; server: WebSocketServer }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  await once(server, 'listening')
  server.on('connection', (socket, req) => {
    socket.on('error', () => undefined)
    onSocket(socket, req)
  })
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  return { origin: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

/** Messages that go to and fro while nothing more is taken, before that counts as stalled. */
const ROUND_TRIPS = 200

/**
 * Writes chunks until nothing more of them is taken while messages go to and fro over another WebSocket through a proxy
 * of this process, or until `most` were written. Returns how many were.
 */
export async function fill(t: Test, socket: Socket, chunk: Buffer, most = Number.POSITIVE_INFINITY): Promise<number> {
  const { origin } = await webSocketServer(t, echo)
  const other = await openWebSocket(t, (await upgradeProxy(t, origin)).url)
  let written = 0
  while (written < most) {
    written++
    if (socket.write(chunk)) continue
    let drained = false
    const drain = () => {
      drained = true
    }
    socket.once('drain', drain)
    for (let trips = 0; trips < ROUND_TRIPS && !drained; trips++) {
      other.send('still there?')
      await once(other, 'message')
    }
    socket.off('drain', drain)
    if (!drained) break
  }
  return written
}

/** Sends back what comes, as it comes. */
export function echo(socket: WebSocket): void {
  socket.on('message', (message, binary) => socket.send(message, { binary }))
}

/** A WebSocket client that ends with the test; its errors are left to those who listen. */
export function webSocket(t: Test, url: string, options: ClientOptions = {}): WebSocket {
  const socket = new WebSocket(url, options)
  socket.on('error', () => undefined)
  t.teardown(() => socket.terminate())
  return socket
}

/** The same, open. */
export async function openWebSocket(t: Test, url: string, options: ClientOptions = {}): Promise<WebSocket> {
  const socket = webSocket(t, url, options)
  await once(socket, 'open')
  return socket
}

/** Resolves with the close code. */
export async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number]
  return code
}

/** Resolves when a socket is closed, in whatever way. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()))
}

/** A client's request for a WebSocket, with further header lines. */
export function handshake(...lines: string[]): string {
  return [
    'GET /ws HTTP/1.1',
    'Host: gateway',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...(lines.some((line) => line.startsWith('Connection:')) ? [] : ['Connection: Upgrade']),
    ...lines,
    '\r\n',
  ].join('\r\n')
}

/** What an upstream answers to it. */
export const SWITCHED =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
