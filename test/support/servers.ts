import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net'
import type { Test } from 'tap'
import { createHttpClient, type HttpClient } from '../../src/http-client/index.js'

/** An HTTP server on a free loopback port that ends with the test. */
export async function httpServer(
  t: Pick<Test, 'teardown'>,
  listener: RequestListener,
): Promise<{ origin: string; server: Server }> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

/** A raw TCP server, for upstreams that break the rules. */
export async function tcpServer(
  t: Test,
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; server: TcpServer }> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, server }
}

/** A client that ends with the test. */
export function httpClient(t: Test, options: Parameters<typeof createHttpClient>[0] = {}): HttpClient {
  const client = createHttpClient(options)
  t.teardown(() => client.destroy())
  return client
}

/** Sends bytes as they are and resolves with all that comes back until the other side closes. */
export async function exchangeRaw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => undefined)
  socket.write(bytes, 'latin1')
  await once(socket, 'close')
  return answer
}
