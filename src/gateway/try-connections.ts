import { type Attempt, attempt, tryIssuers } from '../auth/index.js'
import type { Config } from '../config/index.js'
import { createHttpClient, type HttpClient } from '../http-client/index.js'
import { type Logging, silent } from '../logging/index.js'
import { type OpenStore, openStore, openTopic } from '../sources/index.js'
import type { RealtimeSource } from '../sources/source.js'
import { readClientOptions } from './client-options.js'
import type { Inputs } from './inputs.js'
import { collecting } from './rehearsal.js'

/** Milliseconds that a broker has to take the subscription. */
const TOPIC_TIMEOUT = 15_000
/** Milliseconds that entries of a store are counted. */
const COUNT_TIMEOUT = 60_000

/** What came of connecting to all that a configuration names, and what was logged meanwhile. */
export interface Connections {
  readonly attempts: readonly Attempt[]
  readonly warnings: readonly string[]
}

/**
 * Connects to every source, issuer and key manager that a configuration names, all at once, and closes the connections.
 * Subscribes to the topic beside a gateway that runs: never durably, so that no message is taken from one. Changes nothing.
 */
export async function tryConnections({ config }: Inputs): Promise<Connections> {
  const warnings: string[] = []
  const logging = collecting(warnings)
  const client = createHttpClient(await readClientOptions(config))
  try {
    const attempts = await Promise.all([
      tryTopic(config),
      tryStore(config, logging),
      tryIssuers(config, client, logging),
      tryTransmitters(config, client),
    ])
    return { attempts: attempts.flat(), warnings }
  } finally {
    await client.destroy()
  }
}

async function tryTransmitters({ identityProvider }: Config, client: HttpClient): Promise<Attempt[]> {
  const receiving = identityProvider.filter(({ ssf }) => ssf !== undefined)
  if (receiving.length === 0) return []
  const { tryTransmitter } = await import('../sources/ssf/index.js')
  return Promise.all(
    receiving.map((provider) => attempt(`transmitter of ${provider.name}`, () => tryTransmitter(provider, client))),
  )
}

async function tryTopic(config: Config): Promise<Attempt[]> {
  const { tokenRevocationConfig } = config
  const realtime = { ...tokenRevocationConfig.realtime, durableSubscription: false }
  const notDurable = { ...config, tokenRevocationConfig: { ...tokenRevocationConfig, realtime } }
  const topic = await openTopic(notDurable, silent)
  if (topic === undefined) return []
  return [await attempt(`topic ${realtime.jmsConnectionTopic}`, () => subscribed(topic))]
}

/** Subscribes once; rejects with what the source says of its first failure. */
async function subscribed(topic: RealtimeSource): Promise<string> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), TOPIC_TIMEOUT)
  let outcome: Error | string = new Error(`no answer within ${TOPIC_TIMEOUT / 1_000} s`)
  await topic.run(
    {
      revoked: () => undefined,
      resync: () => undefined,
      state(status, detail) {
        if (stop.signal.aborted || status === 'connecting') return
        outcome = status === 'live' ? `subscribed over ${topic.name}` : new Error(detail ?? `the source is ${status}`)
        stop.abort()
      },
    },
    stop.signal,
  )
  clearTimeout(timer)
  if (outcome instanceof Error) throw outcome
  return outcome
}

async function tryStore(config: Config, logging: Logging): Promise<Attempt[]> {
  const opened = await openStore(config, logging)
  if (opened === undefined) return []
  try {
    return [await attempt(`store ${opened.store.name}`, () => counted(config, opened))]
  } finally {
    await opened.close()
  }
}

/** Counts the entries; of an etcd by its v3 API also those that only its v2 API has. */
async function counted(config: Config, { store, addresses }: OpenStore): Promise<string> {
  const all = await countOf(store)
  const [address = ''] = addresses
  const [, prefix] = /\/v3\/keys\/(.*)$/.exec(address) ?? []
  if (prefix === undefined || all.isPartial) return `${describeCount(all)}${address === '' ? '' : ` at ${address}`}`
  const inV2 = await countByV2(config, addresses)
  const byV2 = inV2 === undefined ? '' : `, ${inV2} under v2`
  return `${all.count - (inV2 ?? 0)} entries under v3 ${prefix}${byV2}`
}

/** `undefined` where the server has no v2 API, or does not say. */
async function countByV2(config: Config, addresses: readonly string[]): Promise<number | undefined> {
  const { tokenRevocationConfig } = config
  const endpointURL = addresses.map((address) => address.replace('/v3/keys/', '/v2/keys/')).join(',')
  const persistent = { ...tokenRevocationConfig.persistent, endpointURL }
  const opened = await openStore({ ...config, tokenRevocationConfig: { ...tokenRevocationConfig, persistent } }, silent)
  try {
    return opened && (await countOf(opened.store)).count
  } catch {
    return undefined
  } finally {
    await opened?.close()
  }
}

interface Count {
  readonly count: number
  readonly isPartial: boolean
}

async function countOf(store: OpenStore['store']): Promise<Count> {
  const end = performance.now() + COUNT_TIMEOUT
  const stop = new AbortController()
  let count = 0
  for await (const _ of store.list(stop.signal)) {
    count++
    if (performance.now() > end) {
      stop.abort()
      return { count, isPartial: true }
    }
  }
  return { count, isPartial: false }
}

function describeCount({ count, isPartial }: Count): string {
  return `${isPartial ? 'more than ' : ''}${count} ${count === 1 ? 'entry' : 'entries'}`
}
