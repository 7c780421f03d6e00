import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { Secret } from '../../src/config/secret.js'
import { httpServer } from '../support/servers.js'

/** What the key manager of a test was asked. */
export interface Asked {
  readonly path: string
  readonly authorization: string | undefined
  readonly form: Record<string, string>
}

export interface Reply {
  readonly status?: number
  /** An object becomes JSON. */
  readonly body?: unknown
}

/** A key manager whose answers the test gives: a promise holds one back. */
export async function keyManager(t: Test, answer: (asked: Asked, request: IncomingMessage) => Reply | Promise<Reply>) {
  const asked: Asked[] = []
  let arrived: () => void = () => undefined
  const { origin, server } = await httpServer(t, async (req, res) => {
    const form = Object.fromEntries(new URLSearchParams(await text(req)))
    const question = { path: req.url ?? '', authorization: req.headers.authorization, form }
    asked.push(question)
    arrived()
    const { status = 200, body = '' } = await answer(question, req)
    res.writeHead(status, { 'content-type': 'application/json' })
    res.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  /** Resolves when it has been asked so often. */
  const askedTimes = async (count: number) => {
    while (asked.length < count) {
      await new Promise<void>((resolve) => {
        arrived = resolve
      })
    }
  }
  return { origin, server, asked, askedTimes }
}

/** A promise that the test settles. */
export function gate<T>() {
  let open: (value: T) => void = () => undefined
  const opened = new Promise<T>((resolve) => {
    open = resolve
  })
  return { opened, open: (value: T) => open(value) }
}

const none = { enabled: false, clientId: '', clientSecret: new Secret(''), scopes: '' }

/** `[keymanager.security]` with nothing enabled. */
export const noSecurity = {
  basic: { enabled: true, username: '', password: new Secret('') },
  oauth2: {
    enabled: false,
    credentialBearer: 'AUTH_HEADER_BEARER' as const,
    tokenUrl: undefined,
    clientCredential: none,
    password: { ...none, username: '', password: new Secret('') },
    directToken: { enabled: false, accessToken: new Secret('') },
    refresh: { ...none, refreshUrl: undefined, refreshToken: new Secret('') },
  },
}
