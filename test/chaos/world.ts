import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EtcdServer, startEtcd } from '../services/etcd.js'
import { type Link, openLink } from '../services/link.js'
import { ChaosBroker } from './broker.js'
import { EtcdWriter } from './etcd-writer.js'
import type { FaultKind } from './faults.js'
import { GatewayNode } from './gateway-node.js'
import { type Issuer, startIssuer, type Token } from './issuer.js'
import { Ledger } from './ledger.js'
import type { Teardowns } from './teardowns.js'

export interface WorldOptions {
  readonly journal: boolean
  /** The program to run instead of `bin/mgw.js`. */
  readonly program?: string
}

/** A gateway and its own links to the broker and to etcd. */
interface Site {
  readonly gateway: GatewayNode
  readonly broker: Link
  readonly etcd: Link
}

/** All that a run has: two gateways, an etcd, a broker, the links between, an issuer, and the ledger. */
export interface World {
  readonly sites: readonly Site[]
  readonly etcd: EtcdServer
  readonly writer: EtcdWriter
  readonly broker: ChaosBroker
  readonly issuer: Issuer
  readonly controls: readonly Token[]
  readonly ledger: Ledger
}

const TOPIC = 'tokenRevocation'
const CONTROLS = 3
const GATEWAYS = ['gateway A', 'gateway B'] as const

export async function openWorld(t: Pick<Teardowns, 'teardown'>, options: WorldOptions): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-chaos-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const issuer = await startIssuer(t)
  const [etcd, broker] = await Promise.all([startEtcd(t), ChaosBroker.start(t, TOPIC)])
  const controls = await Promise.all(Array.from({ length: CONTROLS }, () => issuer.token()))
  const ledger = new Ledger(
    GATEWAYS,
    controls.map(({ jti }) => jti),
  )
  const program = options.program ?? join(process.cwd(), 'bin/mgw.js')
  const sites = await Promise.all(
    GATEWAYS.map(async (name): Promise<Site> => {
      const links = { broker: await openLink(t, broker.port), etcd: await openLink(t, Number(new URL(etcd.url).port)) }
      const file = configure(join(directory, name.replace(' ', '-')), issuer.origin, links, options.journal)
      return { ...links, gateway: new GatewayNode(t, name, [program, 'start', '-c', file], ledger) }
    }),
  )
  await Promise.all(sites.map(({ gateway }) => gateway.start()))
  return { sites, etcd, writer: new EtcdWriter(etcd.url), broker, issuer, controls, ledger }
}

/** Does it; resolves to what undoes it. */
export async function inflict(world: World, kind: FaultKind, index: number): Promise<() => Promise<void>> {
  const { broker, etcd, sites } = world
  const site = sites[index]
  if (site === undefined) throw new RangeError(`there is no gateway ${index}`)
  const [target, what] = kind.split(' ')
  if (what === 'cut' || what === 'hole') return sever(linksOf(world, kind, site), what)
  if (target === 'gateway' && what === 'killed') {
    await site.gateway.kill()
    return () => site.gateway.start()
  }
  const victim = target === 'gateway' ? site.gateway : target === 'etcd' ? etcd : broker
  if (what === 'killed' && victim !== site.gateway) {
    await victim.kill()
    return () => (target === 'etcd' ? etcd : broker).restart()
  }
  victim.freeze()
  return async () => victim.thaw()
}

function linksOf({ sites }: World, kind: FaultKind, site: Site): Link[] {
  if (kind.startsWith('broker')) return sites.map((each) => each.broker)
  if (kind.startsWith('etcd')) return sites.map((each) => each.etcd)
  return [site.broker, site.etcd]
}

function sever(links: readonly Link[], how: 'cut' | 'hole') {
  for (const link of links) {
    if (how === 'cut') link.cut()
    else link.blackhole()
  }
  return async () => {
    for (const link of links) link.mend()
  }
}

function configure(directory: string, issuer: string, links: { broker: Link; etcd: Link }, journal: boolean): string {
  mkdirSync(join(directory, 'api_definitions'), { recursive: true })
  const file = join(directory, 'micro-gw.conf')
  writeFileSync(
    join(directory, 'api_definitions', 'things.yaml'),
    `openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: [${JSON.stringify(issuer)}] }
paths:
  /thing: { get: { responses: { default: { description: any } } } }
`,
  )
  writeFileSync(
    file,
    `[server]
  workers = 1
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
  tokenListenerPort = 0
[admin]
  port = 0
[[jwtTokenConfig]]
  issuer = "${issuer}"
  jwksURL = "${issuer}/jwks"
[tokenRevocationConfig]
  startupGrace = "1s"
  [tokenRevocationConfig.realtime]
    enableRealtimeMessageRetrieval = true
    jmsConnectionTopic = "${TOPIC}"
    jmsConnectionProviderUrl = "amqp10://127.0.0.1:${links.broker.port}"
    jmsConnectionUsername = "admin"
    jmsConnectionPassword = "admin"
  [tokenRevocationConfig.persistent]
    enablePersistentStorageRetrieval = true
    type = "etcd"
    endpointURL = "http://127.0.0.1:${links.etcd.port}/v3/keys/jti/"
  [tokenRevocationConfig.journal]
    enable = ${journal}
`,
  )
  return file
}
