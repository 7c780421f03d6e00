import { readFile } from 'node:fs/promises'
import { type RequestOptions, request } from 'node:https'
import type { Test } from 'tap'
import { Secret } from '../../../src/config/secret.js'
import {
  startTokenService,
  type TokenService,
  type TokenServiceOptions,
} from '../../../src/demo/token-service/index.js'

export const CLIENT = `Basic ${btoa('demo:demo')}`
export const ADMIN = `Basic ${btoa('admin:admin')}`

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The body, if it is JSON. */
  readonly json: Record<string, unknown>
}

/** Calls a service, trusting its certificate and nothing else. */
export type Calls = (method: string, path: string, options?: CallOptions) => Promise<Answer>

export interface CallOptions {
  readonly authorization?: string
  readonly form?: Record<string, string> | string
  readonly headers?: Record<string, string>
}

export async function service(
  t: Test,
  directory: string,
  options: Partial<TokenServiceOptions> = {},
): Promise<{ service: TokenService; call: Calls }> {
  const started = await startTokenService({
    port: 0,
    directory,
    client: { name: 'demo', password: new Secret('demo') },
    admin: { name: 'admin', password: new Secret('admin') },
    ...options,
  })
  t.teardown(() => started.close())
  const ca = await readFile(started.caFile, 'utf8')
  return { service: started, call: trusting(started.url, ca) }
}

/** Calls the service at a URL, trusting this certificate. */
export function trusting(url: string, ca: string): Calls {
  const { hostname, port } = new URL(url)
  return (method, path, options = {}) => call({ hostname, port, ca, method, path }, options)
}

function call(target: RequestOptions, { authorization, form, headers }: CallOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      ...target,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
    })
    sent.on('error', reject)
    sent.on('response', async (response) => {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk)
      const text = Buffer.concat(chunks).toString()
      const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
    })
    sent.end(form === undefined ? undefined : typeof form === 'string' ? form : new URLSearchParams(form).toString())
  })
}

/** Has a token issued. */
export async function issue(call: Calls): Promise<string> {
  const { json } = await call('POST', '/oauth2/token', {
    authorization: CLIENT,
    form: { grant_type: 'client_credentials' },
  })
  return String(json.access_token)
}

export function revoke(call: Calls, token: string): Promise<Answer> {
  return call('POST', '/oauth2/revoke', { authorization: CLIENT, form: { token } })
}

export async function isActive(call: Calls, token: string): Promise<unknown> {
  return (await call('POST', '/oauth2/introspect', { authorization: ADMIN, form: { token } })).json.active
}

/** The `jti`s that gateways are told. */
export async function listed(call: Calls): Promise<unknown[]> {
  const { json } = await call('GET', '/internal/data/v1/revokedjwt', { authorization: ADMIN })
  return (json.revokedJWTList as { jwt_signature: string }[]).map(({ jwt_signature }) => jwt_signature)
}
