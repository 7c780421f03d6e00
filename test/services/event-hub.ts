import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Owner } from './service-process.js'

/** How the stand-in answers one request for its list. */
export type HubAnswer = (response: ServerResponse, request: IncomingMessage) => void

/**
 * A stand-in for WSO2's event hub, of which there is no server to test with: it serves the documented shapes of
 * `GET /internal/data/v1/revokedjwt`, and whatever else a test wants to see the gateway survive.
 */
export interface HubStandIn {
  /** What `endpointURL` is set to. */
  readonly url: string
  /** The requests so far: method, path and credentials. */
  readonly requests: readonly { method: string; path: string; authorization: string | undefined }[]
  answer(next: HubAnswer): void
}

/** Starts one on a free loopback port; `tls` makes it speak TLS with that certificate. */
export async function startHub(t: Owner, tls?: { cert: string; key: string }): Promise<HubStandIn> {
  let current: HubAnswer = json({ revokedJWTList: [] })
  const requests: { method: string; path: string; authorization: string | undefined }[] = []
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: request.headers.authorization,
    })
    current(response, request)
  }
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http${tls === undefined ? '' : 's'}://127.0.0.1:${port}/internal/data/v1`,
    requests,
    answer(next) {
      current = next
    },
  }
}

/** Answers with JSON. */
export function json(body: unknown, status = 200): HubAnswer {
  return text(JSON.stringify(body), status)
}

/** Answers with a body as it stands. */
export function text(body: string, status = 200): HubAnswer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(body)
  }
}

/** Answers with `count` entries of WSO2's newer shape, written as the reader takes them. */
export function manyTokens(count: number): HubAnswer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    let next = 0
    const write = () => {
      while (next < count) {
        const upTo = Math.min(count, next + 1000)
        let part = next === 0 ? '{"revokedJWTList":[' : ''
        for (; next < upTo; next++) {
          part += `${next === 0 ? '' : ','}{"jwt_signature":"${tokenId(next)}","expiry_time":${Date.now() + 3_600_000}}`
        }
        if (!response.write(part) && next < count) {
          response.once('drain', write)
          return
        }
      }
      response.end('],"revokedJWTSubjectEntityList":[],"revokedJWTConsumerKeyList":[]}')
    }
    write()
  }
}

/** The id of the nth of {@link manyTokens}, as long as a UUID. */
export function tokenId(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
}
