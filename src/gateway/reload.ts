import { type Config, Secret } from '../config/index.js'

/** Sections that a running process takes when its configuration is reloaded. */
const RELOADED = [
  'apiDefinitions',
  'apis',
  'authConfig',
  'jwtConfig',
  'keyManager',
  'jwtTokenConfig',
  'security',
  'caching',
  'httpClients',
  'mutualSSLConfig',
  'tracing',
] as const satisfies readonly (keyof Config)[]

/** Sections that the primary reads, whatever its workers do. */
const OF_THE_PRIMARY = [
  'server',
  'admin',
  'logging',
  'auditLog',
  'openTelemetry',
  'tokenRevocationConfig',
  'identityProvider',
] as const satisfies readonly (keyof Config)[]

/** Keys of `[listenerConfig]` that concern what is done with requests, and not how connections are accepted. */
const RELOADED_OF_LISTENERS = [
  'certFile',
  'keyFile',
  'keyStorePath',
  'keyStorePassword',
  'trustStorePath',
  'trustStorePassword',
  'maxEntityBodySize',
  'minBodyRate',
  'bodyGracePeriod',
  'requestTimeout',
  'forwardedHeaders',
] as const satisfies readonly (keyof Config['listenerConfig'])[]

/** What makes a changed key take effect in a running gateway. */
export type TakesEffectBy = 'reload' | 'reload --workers' | 'restart'

/** How a changed key of a section takes effect; docs/configuration.md has it of every section. */
export function takesEffectBy(section: keyof Config, key: string): TakesEffectBy {
  if (includes(RELOADED, section)) return 'reload'
  if (section === 'listenerConfig' && includes(RELOADED_OF_LISTENERS, key)) return 'reload'
  return includes(OF_THE_PRIMARY, section) ? 'restart' : 'reload --workers'
}

function includes(names: readonly string[], name: string): boolean {
  return names.includes(name)
}

/** A configuration as a running process can take it. */
export interface Reloadable {
  readonly config: Config
  /** Sections, and keys of `[listenerConfig]`, whose changes take effect at the next start. */
  readonly needsRestart: readonly string[]
}

/** What of `next` can take effect in a process that was started with `started`; the rest stays as it is there. */
export function withoutRestart(started: Config, next: Config): Reloadable {
  const listenerConfig = { ...started.listenerConfig, ...pick(next.listenerConfig, RELOADED_OF_LISTENERS) }
  const config: Config = { ...started, ...pick(next, RELOADED), listenerConfig }
  // Its listener is opened at the start, or not.
  const listener = (started.keyManager === undefined) === (next.keyManager === undefined) ? [] : [TOKEN_LISTENER]
  const sections = [...changedSections(config, next), ...listener, ...changedProviders(started, next)]
  return { config, needsRestart: [...new Set(sections)].sort() }
}

/** What of `next` can take effect in a primary that was started with `started` and has all its workers replaced. */
export function withNewWorkers(started: Config, next: Config): Reloadable {
  const config: Config = { ...next, ...pick(started, OF_THE_PRIMARY) }
  const sections = [...changedSections(config, next), ...changedProviders(started, next)]
  return { config, needsRestart: [...new Set(sections)].sort() }
}

function changedProviders(started: Config, next: Config): string[] {
  return haveOtherKeys(started, next) ? ['identityProvider'] : []
}

/** Sections, and keys of `[listenerConfig]`, that differ; sorted. */
export function changedSections(before: Config, after: Config): string[] {
  const sections = changed(before, after).filter((name) => name !== 'listenerConfig')
  const keys = changed(before.listenerConfig, after.listenerConfig).map((name) => `listenerConfig.${name}`)
  return [...sections, ...keys].sort()
}

/**
 * What a worker must have as its primary has it, whatever the file holds when it is started: by what the list is kept, and
 * tokens are named and end, and where both write. JSON, without secrets.
 */
export interface OfPrimary {
  readonly server: Config['server']
  readonly retention: number
  readonly closeOpenRequests: boolean
  readonly logging: Config['logging']
  readonly auditLog: Config['auditLog']
  readonly openTelemetry: Omit<Config['openTelemetry'], 'authorization'>
  /** Of the sources that speak for one. */
  readonly realtimeIssuer?: string | undefined
  readonly persistentIssuer?: string | undefined
}

export function ofPrimary({ server, tokenRevocationConfig, logging, auditLog, openTelemetry }: Config): OfPrimary {
  const { retention, closeOpenRequests, realtime, persistent } = tokenRevocationConfig
  const issuers = { realtimeIssuer: realtime.issuer, persistentIssuer: persistent.issuer }
  const { authorization: _, ...collector } = openTelemetry
  return { server, retention, closeOpenRequests, logging, auditLog, openTelemetry: collector, ...issuers }
}

/** A configuration that a worker has read, as its primary has it where both must agree. */
export function asPrimary(config: Config, shared: OfPrimary): Config {
  const { server, retention, closeOpenRequests, logging, auditLog, realtimeIssuer, persistentIssuer } = shared
  const { tokenRevocationConfig, openTelemetry } = config
  const { realtime, persistent } = tokenRevocationConfig
  return {
    ...config,
    server,
    logging,
    auditLog,
    openTelemetry: { ...shared.openTelemetry, authorization: openTelemetry.authorization },
    tokenRevocationConfig: {
      ...tokenRevocationConfig,
      retention,
      closeOpenRequests,
      realtime: { ...realtime, issuer: realtimeIssuer },
      persistent: { ...persistent, issuer: persistentIssuer },
    },
  }
}

/** Whether an identity provider's messages would be verified by other keys: its sources have theirs from the start. */
function haveOtherKeys({ identityProvider, jwtTokenConfig }: Config, next: Config): boolean {
  const keysOf = (issuers: Config['jwtTokenConfig'], name: string) =>
    issuers
      .filter(({ issuer }) => issuer === name)
      .map(({ jwksURL, certFile, certificateAlias }) => ({ jwksURL, certFile, certificateAlias }))
  return identityProvider.some(
    ({ issuer }) => !isSame(keysOf(jwtTokenConfig, issuer), keysOf(next.jwtTokenConfig, issuer)),
  )
}

const TOKEN_LISTENER = 'listenerConfig.tokenListenerPort'

function pick<T extends object, Key extends keyof T>(from: T, keys: readonly Key[]): Pick<T, Key> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, Key>
}

/** Names of the members that differ. */
function changed<T extends object>(a: T, b: T): string[] {
  const names = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...names].filter((name) => !isSame(Reflect.get(a, name), Reflect.get(b, name)))
}

function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof Secret || b instanceof Secret) {
    return a instanceof Secret && b instanceof Secret && a.reveal() === b.reveal()
  }
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  return changed(a, b).length === 0
}
