import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Gateway, startGateway } from '../../src/gateway.js'
import { silent } from '../../src/logging/index.js'
import { ISSUER, rsa, signed } from '../auth/tokens.js'
import { addressed, type RunningGateway } from './gateway.js'
import { sharedKeys } from './shared-keys.js'

const ADMIN_TOKEN = 'the-operators-own'

/**
 * A gateway in this process with one API, that accepts tokens of {@link accessToken} and hears of revocations from
 * nobody unless `more` names a source.
 */
export async function gatewayInProcess(
  t: Test,
  definition: string,
  more = '',
  listenerConfig = '',
): Promise<Gateway & { readonly http: string }> {
  const directory = t.testdir({})
  mkdirSync(join(directory, 'api_definitions'))
  const keys = await sharedKeys()
  keys.certificate(join(directory, 'data'))
  writeFileSync(join(directory, 'api_definitions', 'api.yaml'), definition)
  writeFileSync(join(directory, 'issuer.pem'), rsa.publicKey.export({ type: 'spki', format: 'pem' }))
  const configFile = join(directory, 'micro-gw.conf')
  writeFileSync(
    configFile,
    `[server]
  workers = 1
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
  tokenListenerPort = 0
${listenerConfig}
[admin]
  port = 0
  token = "${ADMIN_TOKEN}"
[[jwtTokenConfig]]
  issuer = "${ISSUER}"
  certFile = "issuer.pem"
${more}`,
  )
  const gateway = await startGateway(configFile, { logging: silent })
  t.teardown(() => gateway.close())
  return { ...gateway, http: `http://127.0.0.1:${gateway.httpPort}` }
}

/** Revokes a token, as an operator does. */
export async function revokeAt({ adminPort }: Pick<Gateway, 'adminPort'>, token: string): Promise<void> {
  const { ok, status } = await fetch(`http://127.0.0.1:${adminPort}/revocations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  })
  if (!ok) throw new Error(`the revocation was answered ${status}`)
}

/** As `startGateway` of `mgw start`, in this process: for tests that neither kill it nor read its log. */
export async function hostGateway(t: Test, configFile: string): Promise<Omit<RunningGateway, 'process'>> {
  const gateway = await startGateway(configFile, { logging: silent })
  t.teardown(() => gateway.close())
  return addressed(t, gateway, () => gateway.known())
}

/** A token that is good for an hour, with a few claims more. */
export function accessToken(claims: object = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return signed({ iss: ISSUER, sub: 'alice', iat: now, exp: now + 3_600, jti: `jti-${Math.random()}`, ...claims })
}
