import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Test } from 'tap'

export interface Http2Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders & IncomingHttpStatusHeader
  readonly body: string
  readonly trailers: IncomingHttpHeaders
  /** The code of the RST_STREAM that ended it; 0: a clean end. */
  readonly code: number
}

/** An HTTP/2 connection that accepts any certificate, and ends with the test. */
export function http2Client(
  t: Pick<Test, 'teardown'>,
  port: number,
  options: { socket?: Socket } = {},
): ClientHttp2Session {
  const createConnection = () => connectTls({ ...options, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  const session = connect(`https://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    ...(options.socket === undefined ? {} : { createConnection }),
  })
  session.on('error', () => undefined)
  t.teardown(() => session.destroy())
  return session
}

/** Resolves when a request is over. `status` 0: it was reset before an answer. */
export function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Http2Answer> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return answerOf(stream)
}

/** The whole answer to a request that was sent. */
export function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  return new Promise((resolve) => {
    let headers: Http2Answer['headers'] = {}
    let trailers: IncomingHttpHeaders = {}
    let body = ''
    stream.setEncoding('utf8')
    stream.on('response', (came) => {
      headers = came
    })
    stream.on('trailers', (came) => {
      trailers = came
    })
    stream.on('data', (chunk: string) => {
      body += chunk
    })
    stream.on('error', () => undefined)
    stream.on('close', () => {
      const { rstCode } = stream
      resolve({ status: Number(headers[constants.HTTP2_HEADER_STATUS] ?? 0), headers, body, trailers, code: rstCode })
    })
  })
}
