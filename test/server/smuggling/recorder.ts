import { EventEmitter, once } from 'node:events'
import type { Test } from 'tap'
import { accessToken, gatewayInProcess, revokeAt } from '../../support/gateway-in-process.js'
import { tcpServer } from '../../support/servers.js'
import { expectsBody, type Reading, type ReadRequest, readRequests, STRICT } from './readings.js'

/** An upstream on bare sockets that records every byte. */
export interface Recorder {
  readonly port: number
  /** What it was asked, in a certain reading. */
  requests(reading: Reading): ReadRequest[]
  /** The same as `METHOD target`, with the body of a POST; what is incomplete ends with ` ...`. */
  seen(reading?: Reading): string[]
  /** Forgets what it has recorded; connections that stay open go on with a new record. */
  forget(): void
  /** Resolves once it has got some text. */
  receives(text: string): Promise<void>
  /** Resolves once no connection is open. */
  closes(): Promise<void>
}

/** @param answer to a request that has arrived whole, as RFC 9112 reads it */
export async function recorder(
  t: Test,
  answer: (request: ReadRequest) => string = ({ method, target }) => (method === 'HEAD' ? ok('') : ok(target)),
): Promise<Recorder> {
  const connections: { bytes: string; answered: number }[] = []
  const events = new EventEmitter()
  let open = 0
  const { port } = await tcpServer(t, (socket) => {
    const connection = { bytes: '', answered: 0 }
    open++
    socket.on('close', () => {
      open--
      events.emit('close')
    })
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      if (!connections.includes(connection)) {
        connections.push(connection)
        Object.assign(connection, { bytes: '', answered: 0 })
      }
      connection.bytes += chunk
      const whole = readRequests(connection.bytes, STRICT).filter((request) => request.whole)
      for (const request of whole.slice(connection.answered)) socket.write(answer(request), 'latin1')
      connection.answered = whole.length
      events.emit('data')
    })
  })
  const requests = (reading: Reading) => connections.flatMap(({ bytes }) => readRequests(bytes, reading))
  return {
    port,
    requests,
    forget: () => void connections.splice(0),
    seen: (reading = STRICT) => requests(reading).map(nameOf),
    async receives(text) {
      while (!connections.some(({ bytes }) => bytes.includes(text))) await once(events, 'data')
    },
    async closes() {
      while (open > 0) await once(events, 'close')
    },
  }
}

function nameOf({ method, target, body, whole }: ReadRequest): string {
  const counts = expectsBody(method) && body !== ''
  return `${method} ${target}${counts ? ` ${body}` : ''}${whole ? '' : ' ...'}`
}

/** An answer with a body. */
export function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

const DEFINITION = (port: number) => `openapi: 3.0.3
info: { title: Api, version: '1' }
x-wso2-basePath: /api
x-wso2-production-endpoints: { urls: ['http://127.0.0.1:${port}'] }
paths:
  /open:
    ${['get', 'post', 'put', 'delete', 'options', 'head', 'patch'].map((method) => `${method}: { x-wso2-disable-security: true, responses: {} }`).join('\n    ')}
  /next: { get: { x-wso2-disable-security: true, responses: {} } }
  /secret: { get: { responses: {} }, post: { responses: {} } }
`

/** A gateway with one connection to such an upstream, and a token that is revoked there. */
export async function gatewayBefore(
  t: Test,
  upstream: { readonly port: number },
): Promise<{ port: number; revoked: string }> {
  const gateway = await gatewayInProcess(
    t,
    DEFINITION(upstream.port),
    '[httpClients.poolConfig]\n  maxActiveConnections = 1\n',
  )
  const revoked = await accessToken()
  await revokeAt(gateway, revoked)
  return { port: gateway.httpPort, revoked }
}
