import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../services/free-port.js'
import { type Owner, ServiceProcess } from '../services/service-process.js'

const ADMIN = { username: 'admin', password: 'admin' }

/** Where Keycloak is; `npm run keycloak` says. */
const home = process.env.MGW_KEYCLOAK_HOME ?? ''

/** Says why a test must be skipped. It is not among the services that CI requires: 176 MB, and half a minute to start. */
export function keycloakMissing(): string | false {
  if (home === '') return 'MGW_KEYCLOAK_HOME names no Keycloak: npm run keycloak'
  return existsSync(join(home, 'bin/kc.sh'))
    ? false
    : `no Keycloak in ${home}: scripts/install-test-services.sh --keycloak`
}

/** What a token endpoint answers. */
export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
}

/** A real Keycloak, with an in-memory database. */
export interface Keycloak {
  readonly origin: string
  /** The `iss` of a realm's tokens. */
  issuer(realm: string): string
  /** Calls the admin API below `/admin/realms`. Throws for a status of 400 and more. */
  admin(method: string, path: string, body?: object): Promise<unknown>
  /** A user logs in by direct grant. */
  logIn(realm: string, client: string, user: string): Promise<Tokens>
  /** Calls an endpoint of a realm's OpenID Connect provider, as a client. Throws for a status of 400 and more. */
  post(realm: string, endpoint: string, client: string, form: Record<string, string>): Promise<unknown>
}

/** The secret of each confidential client, and the password of each user, of the tests. */
export const SECRET = 'secret'

export interface KeycloakOptions {
  /** PEM file: the certificate of those that it calls. */
  readonly trusted: string
  /** Features that are off unless they are named, with commas between: `ssf`. */
  readonly features?: string
  /** Further options. */
  readonly more?: readonly string[]
}

/** Starts it on free ports; what it holds ends with it. */
export async function startKeycloak(
  owner: Owner,
  { trusted, features, more = [] }: KeycloakOptions,
): Promise<Keycloak> {
  const [port = 0, management = 0] = await freePorts(2)
  const origin = `http://127.0.0.1:${port}`
  const options = [
    `--http-port=${port}`,
    `--http-management-port=${management}`,
    '--http-host=127.0.0.1',
    `--hostname=${origin}`,
    '--db=dev-mem',
    '--cache=local',
    `--truststore-paths=${trusted}`,
    ...(features === undefined ? [] : [`--features=${features}`]),
    `--bootstrap-admin-username=${ADMIN.username}`,
    `--bootstrap-admin-password=${ADMIN.password}`,
  ]
  const server = new ServiceProcess(join(home, 'bin/kc.sh'), ['start-dev', ...options, ...more], 'Listening on:')
  owner.teardown(() => server.kill('SIGTERM')) // kc.sh passes it on to Java
  await server.start()
  const post = async (realm: string, endpoint: string, client: string, form: Record<string, string>) => {
    const secret = client === 'admin-cli' ? {} : { client_secret: SECRET }
    const body = new URLSearchParams({ client_id: client, ...secret, ...form })
    return read(await fetch(`${origin}/realms/${realm}/protocol/openid-connect/${endpoint}`, { method: 'POST', body }))
  }
  const logIn = async (realm: string, client: string, username: string, password = SECRET) => {
    const form = { grant_type: 'password', scope: 'openid', username, password }
    return (await post(realm, 'token', client, form)) as Tokens
  }
  return {
    origin,
    issuer: (realm) => `${origin}/realms/${realm}`,
    async admin(method, path, body) {
      const { access_token: token } = await logIn('master', 'admin-cli', ADMIN.username, ADMIN.password)
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
      return read(await fetch(`${origin}/admin/realms${path}`, init))
    },
    logIn,
    post,
  }
}

async function read(answer: Response): Promise<unknown> {
  const text = await answer.text()
  if (answer.status >= 400) throw new Error(`${answer.url} answered ${answer.status}: ${text}`)
  return text === '' ? undefined : (JSON.parse(text) as unknown)
}
