import type { Config } from '../config/index.js'
import type { HttpClient } from '../http-client/index.js'
import { describeError, describeTarget, type Logging } from '../logging/index.js'
import { Introspection, keyManagerUrl } from './introspection.js'
import { fetchKeySet } from './jwks.js'
import { keyManagerCredentials } from './key-manager-credentials.js'
import { UsableKeys } from './usable-keys.js'

/** What came of one attempt to reach something that a configuration names. Holds no secret. */
export interface Attempt {
  readonly name: string
  readonly succeeded: boolean
  /** For people: what was found, or why nothing was. */
  readonly detail: string
}

/** Milliseconds for the key manager's answer. */
const TIMEOUT = 10_000
/** No key manager has issued it: one that works calls it inactive. */
const NO_TOKEN = 'mgw-check-connect'

/**
 * Fetches the key set of each issuer that has one at a URL, and asks the key manager about a token that does not exist.
 * Never rejects for what they answer.
 */
export function tryIssuers(config: Config, client: HttpClient, logging: Logging): Promise<Attempt[]> {
  const keySets = config.jwtTokenConfig.flatMap(({ issuer, jwksURL }) =>
    jwksURL === undefined
      ? []
      : [attempt(`issuer ${issuer}`, () => usableKeys(client, jwksURL, logging('JWTAuthProvider')))],
  )
  const { keyManager } = config
  if (keyManager === undefined) return Promise.all(keySets)
  const { serverUrl, tokenContext, security } = keyManager
  const asked = attempt(`key manager ${describeTarget(serverUrl)}`, async () => {
    const credentials = keyManagerCredentials(security, client)
    const url = keyManagerUrl(serverUrl, tokenContext, 'introspect')
    const introspection = new Introspection({ url, client, credentials, timeout: TIMEOUT })
    await introspection.ask(NO_TOKEN, AbortSignal.timeout(TIMEOUT))
    return 'answers introspection'
  })
  return Promise.all([...keySets, asked])
}

async function usableKeys(client: HttpClient, url: string, logger: ReturnType<Logging>): Promise<string> {
  const { keys } = new UsableKeys(logger, { url: describeTarget(url) }).of(await fetchKeySet(client, url))
  if (keys.length === 0) throw new TypeError(`no usable key at ${describeTarget(url)}`)
  return `${keys.length} ${keys.length === 1 ? 'key' : 'keys'} at ${describeTarget(url)}`
}

/** Does something that says what it found; its failure is an attempt that did not succeed. */
export async function attempt(name: string, find: () => Promise<string>): Promise<Attempt> {
  try {
    return { name, succeeded: true, detail: await find() }
  } catch (error) {
    return { name, succeeded: false, detail: describeError(error) }
  }
}
