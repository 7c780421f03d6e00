import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'

export interface HttpsAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type HttpsCall = (
  url: string,
  options?: { method?: string; headers?: Record<string, string>; body?: string },
) => Promise<HttpsAnswer>

/** A client that, as `curl -k`, accepts any certificate; its connections end with the test. */
export function insecureHttps(t: Pick<Test, 'teardown'>): HttpsCall {
  // More at once than a listener's backlog takes would be reset.
  const agent = new Agent({ rejectUnauthorized: false, keepAlive: true, maxSockets: 128 })
  t.teardown(() => agent.destroy())
  return (url, { method = 'GET', headers = {}, body } = {}) =>
    new Promise((resolve, reject) => {
      const req = request(url, { method, headers, agent }, (res) => {
        text(res).then((answer) => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: answer }), reject)
      })
      req.on('error', reject)
      req.end(body)
    })
}

/** As `curl -u demo:demo -d ...`. */
export function form(fields: Record<string, string>) {
  return {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from('demo:demo').toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(fields).toString(),
  }
}
