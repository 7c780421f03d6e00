import {
  readKeyPair,
  readKeyStore,
  readPublicKey,
  readTrustStore,
  type Validity,
  validities,
} from '../certificates/index.js'
import { type Config, Secret } from '../config/index.js'
import { brokerCertificates } from '../sources/index.js'

const DAY = 86_400_000
/** Certificates that end sooner are warned of. */
const SOON = 30 * DAY
/** So many of one file are named. */
const NAMED = 3

/** A key of the configuration, and how to read the certificates that it names, as PEM. */
interface Place {
  readonly key: string
  readonly read: () => Promise<readonly string[]>
}

/**
 * Warnings of the certificates that a configuration names and that are not valid now, or end within 30 days: one a file.
 * A file that cannot be read is left out: what uses it throws.
 */
export async function expiringCertificates(config: Config, now: number): Promise<string[]> {
  const warnings = await Promise.all([...places(config)].map((place) => warningOf(place, now)))
  return warnings.filter((warning) => warning !== undefined)
}

async function warningOf({ key, read }: Place, now: number): Promise<string | undefined> {
  const pem = await read().catch(() => [])
  const doubtful = pem
    .flatMap(validities)
    .filter(({ from, until }) => from > now || until < now + SOON)
    .map((validity) => `${validity.name} ${describe(validity, now)}`)
  if (doubtful.length === 0) return undefined
  const more = doubtful.length > NAMED ? [`and ${doubtful.length - NAMED} more`] : []
  return `${key}: certificates to renew or remove: ${[...doubtful.slice(0, NAMED), ...more].join(', ')}`
}

function describe({ from, until }: Validity, now: number): string {
  if (until < now) return `expired on ${dayOf(until)}`
  if (from > now) return `is not valid before ${dayOf(from)}`
  return `expires on ${dayOf(until)}`
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}

function* places(config: Config): Generator<Place> {
  const { listenerConfig, httpClients, jwtTokenConfig, tokenRevocationConfig } = config
  const { certFile, keyFile, keyStorePath, keyStorePassword } = listenerConfig
  yield* ofKeyPair('listenerConfig', certFile, keyFile, keyStorePassword)
  yield* ofKeyStore('listenerConfig', keyStorePath, keyStorePassword)
  yield* ofTrust('listenerConfig.trustStorePath', listenerConfig.trustStorePath, listenerConfig.trustStorePassword)
  const { sslConfig } = httpClients
  yield* ofKeyStore('httpClients.sslConfig', sslConfig.keyStorePath, sslConfig.keyStorePassword)
  yield* ofTrust('httpClients.sslConfig.trustStorePath', sslConfig.trustStorePath, sslConfig.trustStorePassword)
  for (const [index, { certFile: file }] of jwtTokenConfig.entries()) {
    if (file !== undefined)
      yield { key: `jwtTokenConfig[${index}].certFile`, read: async () => [await readPublicKey(file)] }
  }
  for (const section of ['realtime', 'persistent'] as const) {
    const name = `tokenRevocationConfig.${section}`
    const { certFile, keyFile, caFile } = tokenRevocationConfig[section]
    yield* ofKeyPair(name, certFile, keyFile, NO_PASSWORD)
    yield* ofTrust(`${name}.caFile`, caFile, NO_PASSWORD)
  }
  for (const { option, read } of brokerCertificates(config)) {
    yield { key: `tokenRevocationConfig.realtime.jmsConnectionProviderUrl (${option})`, read }
  }
}

const NO_PASSWORD = new Secret('')

function* ofKeyPair(section: string, cert: string | undefined, key: string | undefined, password: Secret) {
  if (cert === undefined || key === undefined) return
  yield { key: `${section}.certFile`, read: async () => [(await readKeyPair(cert, key, password)).cert] }
}

function* ofKeyStore(section: string, path: string | undefined, password: Secret) {
  if (path === undefined) return
  yield { key: `${section}.keyStorePath`, read: async () => [(await readKeyStore(path, password)).cert] }
}

function* ofTrust(key: string, path: string | undefined, password: Secret) {
  if (path === undefined) return
  yield { key, read: async () => (await readTrustStore(path, password)).certificates.map(({ pem }) => pem) }
}
