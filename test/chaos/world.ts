import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EtcdServer, startEtcd } from '../services/etcd.js'
import { freePorts } from '../services/free-port.js'
import { openLink } from '../services/link.js'
import { ChaosBroker } from './broker.js'
import { writeConfiguration } from './configuration.js'
import { EtcdWriter } from './etcd-writer.js'
import { clockLibrary, FalseClock } from './false-clock.js'
import { GatewayNode, STOP_TIMEOUT, WORKERS } from './gateway-node.js'
import { disksMissing, JournalDirectory } from './journal-directory.js'
import { Ledger } from './ledger.js'
import { Site } from './site.js'
import type { Teardowns } from './teardowns.js'
import { startUpstream, type Token, type Upstream } from './upstream.js'

export interface WorldOptions {
  readonly journal: boolean
  /** The program to run instead of `bin/mgw.js`. */
  readonly program?: string
}

/** Which of the gateways need what costs something to have. */
export interface WorldNeeds {
  readonly disk: ReadonlySet<number>
  readonly clock: ReadonlySet<number>
}

/** All that a run has: two gateways, an etcd, a broker, the links between, what is behind them, and the ledger. */
export interface World {
  readonly sites: readonly Site[]
  readonly etcd: EtcdServer
  readonly writer: EtcdWriter
  readonly broker: ChaosBroker
  readonly upstream: Upstream
  readonly controls: readonly Token[]
  /** Revoked by a flood, and to be asked for. */
  readonly flooded: Token[]
  readonly ledger: Ledger
}

export const GATEWAYS = ['gateway A', 'gateway B'] as const
export const ADMIN_TOKEN = 'chaos-admin-token'
const TOPIC = 'tokenRevocation'
const CONTROLS = 3
/** What the gateways give their sources before they believe a journal, ms. */
const GRACE = 1_000

/** Everything but the gateways runs when it resolves. */
export async function openWorld(
  t: Pick<Teardowns, 'teardown'>,
  options: WorldOptions,
  needs: WorldNeeds,
): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-chaos-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const upstream = await startUpstream(t)
  const [etcd, broker] = await Promise.all([startEtcd(t), ChaosBroker.start(t, TOPIC, GATEWAYS.length)])
  const controls = await Promise.all(Array.from({ length: CONTROLS }, () => upstream.token()))
  const ledger = new Ledger(
    GATEWAYS,
    controls.map(({ jti }) => jti),
    GRACE,
  )
  broker.onDelivered = (at, id, publishedAt) => {
    const name = GATEWAYS[at]
    if (name !== undefined) ledger.delivered(name, id, publishedAt, performance.now())
  }
  const sites = await Promise.all(
    GATEWAYS.map(async (name, at): Promise<Site> => {
      const record = ledger.of(name)
      const links = {
        broker: await openLink(t, broker.ports[at] ?? 0),
        etcd: await openLink(t, Number(new URL(etcd.url).port), {
          connected: () => record.askedStore(performance.now()),
          answered: () => record.heardStore(performance.now()),
        }),
      }
      const own = join(directory, name.replace(' ', '-'))
      const journal = new JournalDirectory(join(own, 'journal'))
      const configure = async () => {
        const [http = 0, https = 0, token = 0, admin = 0] = await freePorts(4)
        return writeConfiguration({
          ports: { http, https, token, admin },
          directory: own,
          origin: upstream.origin,
          brokerPort: links.broker.port,
          etcdPort: links.etcd.port,
          topic: TOPIC,
          journal: options.journal,
          journalFile: journal.file,
          adminToken: ADMIN_TOKEN,
          grace: GRACE,
          stopTimeout: STOP_TIMEOUT,
          workers: WORKERS,
        })
      }
      const configFile = await configure()
      const program = options.program ?? join(process.cwd(), 'bin/mgw.js')
      const gateway = new GatewayNode(t, name, [program, 'start', '-c', configFile], ledger)
      // One gateway's primary deals connections out in turn, the other's workers accept for themselves.
      if (at === 0) gateway.env.NODE_CLUSTER_SCHED_POLICY = 'rr'
      if (needs.disk.has(at) && disksMissing() === false) gateway.wrapper.push(...(await journal.mount(t)))
      const library = needs.clock.has(at) ? clockLibrary() : undefined
      const clock = library === undefined ? undefined : new FalseClock(library, join(own, 'clock'))
      Object.assign(gateway.env, clock?.env)
      return new Site({ gateway, record, links, journal, configFile, configure }, clock)
    }),
  )
  return { sites, etcd, writer: new EtcdWriter(etcd.url), broker, upstream, controls, flooded: [], ledger }
}
