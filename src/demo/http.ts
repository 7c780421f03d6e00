import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { hasCode } from '../error-code.js'
import type { Logger } from '../logging/index.js'

/** What one of the demo's services answers: JSON, or nothing. */
export interface Reply {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Ends a request with its reply from wherever it is noticed that nothing else can be done. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
  readonly reply: Reply

  constructor(reply: Reply) {
    super(`replied ${reply.status}`)
    this.reply = reply
  }
}

/** Limits (ms, connections) that keep a slow or greedy client from holding on to a demo service. */
export const SERVER_LIMITS = { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 5_000 }
export const MAX_CONNECTIONS = 512

/** Turns a function from request to reply into a listener. What it throws unasked becomes a bare 500 and a log line. */
export function listener(answer: (request: IncomingMessage) => Promise<Reply>, log: Logger): RequestListener {
  return (request, response) => {
    answer(request)
      .catch((error: unknown): Reply => {
        if (error instanceof ReplyError) return error.reply
        if (!request.destroyed || request.complete) log.error('request failed', error)
        return { status: 500, body: { code: 500, type: 'error', message: 'Internal Server Error' } }
      })
      .then((reply) => send(request, response, reply))
      .catch((error: unknown) => {
        log.error('sending a response failed', error)
        response.destroy()
      })
  }
}

/** Reads a request's body. Throws a {@link ReplyError} (413) once it has more than `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  await readChunks(request, maxBytes, (chunk) => chunks.push(chunk))
  return Buffer.concat(chunks)
}

/** As {@link readBody}, but answers only how many bytes there were. */
export async function countBody(request: IncomingMessage, maxBytes: number): Promise<number> {
  let length = 0
  await readChunks(request, maxBytes, (chunk) => {
    length += chunk.length
  })
  return length
}

async function readChunks(request: IncomingMessage, maxBytes: number, take: (chunk: Buffer) => void): Promise<void> {
  let length = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) {
      throw new ReplyError({ status: 413, body: { code: 413, type: 'error', message: 'Payload Too Large' } })
    }
    take(chunk)
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, body, headers }: Reply): void {
  const content = body === undefined ? '' : JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(content),
    ...headers,
  })
  response.end(request.method === 'HEAD' ? '' : content)
  // A client that is still sending would be reset, and might never see the answer. requestTimeout ends this.
  request.resume()
}

/** Stops listening and cuts what is open. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** The demo's parts listen here and nowhere else: its passwords are known to everybody. */
export const LOOPBACK = '127.0.0.1'

/** One of the demo's ports is taken. Its message names the port, whose it is, and what to do. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError'
  readonly code = 'ERR_DEMO_PORT_IN_USE'
  readonly port: number

  constructor(part: string, port: number, cause: unknown) {
    super(`port ${port} of the demo's ${part} is in use: stop the program that listens there, or use --free-ports`, {
      cause,
    })
    this.port = port
  }
}

/** Listens on loopback and answers the port (a free one for 0). Throws {@link PortInUseError}. */
export function listen(server: NetServer, port: number, part: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(isInUse(error) ? new PortInUseError(part, port, error) : error)
    server.once('error', failed)
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      server.off('error', failed)
      // A failed accept (too many open files) costs that connection, not the demo.
      server.on('error', () => undefined)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Whether an error, or one of its causes, says that an address is taken. */
export function isInUse(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (hasCode(cause, 'EADDRINUSE')) return true
  }
  return false
}
