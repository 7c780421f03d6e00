import { allowsEveryoneCredentials } from '../schema/cors.js'
import type { Config } from '../schema/schema.js'
import type { ConfigProblem, ConfigWarning } from './error.js'
import { ofIdentityProviders, ofSilentIdentityProviders } from './identity-providers.js'

/** A conflict between keys. */
export interface Contradiction extends ConfigProblem {
  /** The other keys involved: the conflict is reported only if all of them are valid. */
  readonly beside?: readonly string[]
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/

/** Keys that require, exclude or contradict each other. */
export function* contradictions(config: Config): Generator<Contradiction> {
  yield* ofListeners(config)
  yield* ofIssuers(config)
  yield* ofIdentityProviders(config)
  yield* ofSources(config)
  yield* ofApis(config)
  yield* ofUpstreams(config)
}

/** Settings that are allowed, and that their operator should know the effect of. */
export function* cautions(config: Config): Generator<ConfigWarning> {
  if (config.httpClients.disableSslVerification) {
    yield {
      path: 'httpClients.disableSslVerification',
      message: 'traffic to upstreams and to the key manager can be read and modified in transit',
      remedy: 'set it to false in production',
    }
  }
  if (!config.httpClients.verifyHostname) {
    yield {
      path: 'httpClients.verifyHostname',
      message: 'any certificate of a trusted authority can impersonate upstreams, sources and the key manager',
      remedy: 'set it to true, and give each host a certificate with its name',
    }
  }
  const { keyManager } = config
  if (keyManager?.cors !== undefined && allowsEveryoneCredentials(keyManager.cors)) {
    yield {
      path: 'keyManager.cors.accessControlAllowCredentials',
      message: 'allowing credentials for every origin (*) is not supported: credentials are not allowed',
      remedy: 'list the origins',
    }
  }
  const { persistent, journal } = config.tokenRevocationConfig
  if (persistent.serveWhileListing && persistent.enablePersistentStorageRetrieval && journal.enable) {
    yield {
      path: 'tokenRevocationConfig.persistent.serveWhileListing',
      message:
        'after a start, tokens that were revoked while the gateway was down are accepted until the store has been read',
      remedy: 'set it to false, or accept that',
    }
  }
  yield* ofUnscopedSources(config)
  yield* ofUnknownIssuers(config)
  yield* ofSilentIdentityProviders(config)
  if (!LOOPBACK.test(config.admin.host)) {
    yield {
      path: 'admin.host',
      message: config.admin.token.isEmpty
        ? 'the admin listener is reachable from other machines and requires no token'
        : 'the admin listener is reachable from other machines, and admin.token travels unencrypted',
      remedy: 'set admin.host to "127.0.0.1", or restrict access to that network',
    }
  }
}

/** With several issuers, a source that says of none what it speaks for revokes what is named alike at each. */
function* ofUnscopedSources({ jwtTokenConfig, tokenRevocationConfig }: Config): Generator<ConfigWarning> {
  const { realtime, persistent } = tokenRevocationConfig
  const unscoped = [
    ...(realtime.enableRealtimeMessageRetrieval && realtime.issuer === undefined ? ['realtime'] : []),
    ...(persistent.enablePersistentStorageRetrieval && persistent.issuer === undefined ? ['persistent'] : []),
  ]
  const [first] = unscoped
  if (first === undefined || new Set(jwtTokenConfig.map(({ issuer }) => issuer)).size < 2) return
  const keys = unscoped.map((name) => `tokenRevocationConfig.${name}.issuer`).join(' and ')
  yield {
    path: `tokenRevocationConfig.${first}.issuer`,
    message:
      'several issuers are configured, and no issuer for the revocations: a jti, sub, client or sid that one issuer revokes is revoked for the tokens of all',
    remedy: `set ${keys} to the iss of the tokens that it is about, or accept that`,
  }
}

/** A source's issuer that no token is of: a letter wrong, and nothing that the source says has an effect. */
function* ofUnknownIssuers({ jwtTokenConfig, tokenRevocationConfig, keyManager }: Config): Generator<ConfigWarning> {
  const known = new Set(jwtTokenConfig.map(({ issuer }) => issuer))
  for (const name of ['realtime', 'persistent'] as const) {
    const { issuer } = tokenRevocationConfig[name]
    if (issuer === undefined || known.has(issuer) || (known.size === 0 && keyManager !== undefined)) continue
    yield {
      path: `tokenRevocationConfig.${name}.issuer`,
      message: 'no [[jwtTokenConfig]] has this issuer: the revocations of this source are about nobody’s JWTs',
      remedy: 'write it as the tokens’ iss has it, to the letter',
    }
  }
}

function* ofListeners({ listenerConfig, admin }: Config): Generator<Contradiction> {
  const { certFile, keyFile, keyStorePath, host } = listenerConfig
  yield* ofKeyPair('listenerConfig', certFile, keyFile)
  if (listenerConfig.proxyProtocol && listenerConfig.trustedProxies.length === 0) {
    yield {
      path: 'listenerConfig.proxyProtocol',
      message: 'no connection would be accepted: trustedProxies is empty',
      remedy: 'list the addresses of the load balancers in trustedProxies',
      beside: ['listenerConfig.trustedProxies'],
    }
  }
  if (certFile !== undefined && keyStorePath !== undefined) {
    yield {
      path: 'listenerConfig.keyStorePath',
      message: 'conflicts with certFile',
      remedy: 'remove one of the two',
    }
  }
  const taken = new Map<number, string>()
  const all = [
    ['listenerConfig.httpPort', listenerConfig.httpPort, host],
    ['listenerConfig.httpsPort', listenerConfig.httpsPort, host],
    ['listenerConfig.tokenListenerPort', listenerConfig.tokenListenerPort, host],
    ['admin.port', admin.port, admin.host],
  ] as const
  for (const [path, port, on] of all) {
    const other = taken.get(port)
    if (port !== 0 && other !== undefined && (on === host || isEveryAddress(on) || isEveryAddress(host))) {
      yield { path, message: `is the same port as ${other}`, remedy: 'choose another', beside: [other] }
    } else taken.set(port, path)
  }
}

function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function* ofKeyPair(section: string, certFile?: string, keyFile?: string): Generator<Contradiction> {
  if ((certFile === undefined) === (keyFile === undefined)) return
  const [given, missing] = certFile === undefined ? ['keyFile', 'certFile'] : ['certFile', 'keyFile']
  yield {
    path: `${section}.${missing}`,
    message: `is missing: ${given} is set`,
    remedy: 'set both or neither',
    beside: [`${section}.${given}`],
  }
}

/** Milliseconds. */
const SHORTEST_INTROSPECT = 1_000

function* ofIssuers({ jwtTokenConfig, listenerConfig, keyManager }: Config): Generator<Contradiction> {
  const seen = new Map<string, string>()
  for (const [index, each] of jwtTokenConfig.entries()) {
    const path = `jwtTokenConfig[${index}]`
    const other = seen.get(each.issuer)
    if (other !== undefined) {
      yield {
        path: `${path}.issuer`,
        message: `duplicate issuer: ${other} has it too`,
        remedy: 'merge the two tables; audience accepts a list',
        beside: [`${other}.issuer`],
      }
    } else seen.set(each.issuer, path)
    const { jwksURL, certFile, certificateAlias, sharedSecret } = each
    if (jwksURL === undefined && certFile === undefined && certificateAlias === undefined && sharedSecret.isEmpty) {
      yield {
        path: `${path}.jwksURL`,
        message: 'is missing: the issuer’s tokens can’t be verified without it',
        remedy: 'set it to the URL of the issuer’s key set (JWKS)',
        beside: [`${path}.certFile`, `${path}.certificateAlias`, `${path}.sharedSecret`],
      }
    }
    if (each.introspect > 0 && each.introspect < SHORTEST_INTROSPECT) {
      yield { path: `${path}.introspect`, message: 'must be at least 1s', remedy: 'set it to "1s" or more, or to 0' }
    }
    if (each.introspect > 0 && each.introspectionUrl === undefined && keyManager === undefined) {
      yield {
        path: `${path}.introspectionUrl`,
        message: 'is missing: there is nobody to introspect the tokens',
        remedy: 'set it to the issuer’s introspection endpoint, or add a [keyManager]',
        beside: ['keyManager'],
      }
    }
    const byAlias = jwksURL === undefined && certFile === undefined && sharedSecret.isEmpty
    if (byAlias && certificateAlias !== undefined && listenerConfig.trustStorePath === undefined) {
      yield {
        path: `${path}.certificateAlias`,
        message: 'names a certificate of a trust store, but listenerConfig.trustStorePath is not set',
        remedy: 'set listenerConfig.trustStorePath and trustStorePassword',
        beside: ['listenerConfig.trustStorePath'],
      }
    }
  }
}

const REALTIME = 'tokenRevocationConfig.realtime'
const PERSISTENT = 'tokenRevocationConfig.persistent'

function* ofSources({ tokenRevocationConfig: { realtime, persistent } }: Config): Generator<Contradiction> {
  yield* ofKeyPair(REALTIME, realtime.certFile, realtime.keyFile)
  yield* ofKeyPair(PERSISTENT, persistent.certFile, persistent.keyFile)
  if (realtime.enableRealtimeMessageRetrieval && realtime.jmsConnectionProviderUrl.isEmpty) {
    yield { path: `${REALTIME}.jmsConnectionProviderUrl`, message: 'is empty', remedy: 'set it to the broker’s URL' }
  }
  if (!persistent.enablePersistentStorageRetrieval) return
  const { type, endpointURL, module } = persistent
  const custom = type !== 'default' && type !== 'etcd'
  if (custom && module === undefined) {
    yield {
      path: `${PERSISTENT}.module`,
      message: 'is missing: type is neither "default" nor "etcd"',
      remedy: 'set it to the JavaScript file of your store, or correct type',
      beside: [`${PERSISTENT}.type`],
    }
  }
  if (type === 'etcd' && endpointURL === undefined) {
    yield { path: `${PERSISTENT}.endpointURL`, message: 'is missing', remedy: 'set it to the URL of etcd' }
  }
  // etcd's servers are checked where they are read: several, without a scheme too.
  if (type === 'default' && !/^(https?:\/\/[^/\s]|$)/i.test(endpointURL?.trim() ?? '')) {
    yield { path: `${PERSISTENT}.endpointURL`, message: 'must begin with http:// or https://' }
  }
}

/** Buckets of a circuit breaker's window: each endpoint has as many. */
const MAX_BUCKETS = 1_000

function* ofUpstreams({ httpClients }: Config): Generator<Contradiction> {
  const { rollingWindow } = httpClients.circuitBreaker ?? {}
  if (rollingWindow === undefined) return
  const buckets = rollingWindow.timeWindowInMillis / rollingWindow.bucketSizeInMillis
  if (buckets >= 1 && buckets <= MAX_BUCKETS) return
  yield {
    path: 'httpClients.circuitBreaker.rollingWindow.bucketSizeInMillis',
    message: `must go into timeWindowInMillis once, and at most ${MAX_BUCKETS} times`,
    remedy: 'leave it out: then it is 10 s',
  }
}

function* ofApis({ apis }: Config): Generator<Contradiction> {
  const seen = new Map<string, string>()
  for (const [index, api] of apis.entries()) {
    for (const key of ['name', 'basePath', 'endpoints'] as const) {
      if (api[key] !== undefined || api.definition !== undefined) continue
      yield { path: `apis[${index}].${key}`, message: 'is missing', remedy: 'set it, or definition to an OpenAPI file' }
    }
    const { basePath } = api
    if (basePath === undefined) continue
    const path = `apis[${index}].basePath`
    const other = seen.get(basePath)
    if (other === undefined) seen.set(basePath, path)
    else yield { path, message: `duplicate base path: ${other} has it too`, remedy: 'choose another', beside: [other] }
  }
}
