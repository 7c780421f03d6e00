import { setTimeout } from 'node:timers/promises'
import type { Link } from '../services/link.js'
import type { FalseClock } from './false-clock.js'
import type { GatewayNode } from './gateway-node.js'
import type { GatewayRecord } from './gateway-record.js'
import type { JournalDirectory } from './journal-directory.js'

/** How long etcd stays silent to a gateway that has just begun to listen, if it is held, ms. */
const HELD = 400

type SitePart = 'gateway' | 'record' | 'links' | 'journal' | 'configFile' | 'configure'

/** A gateway, its own links to the broker and to etcd, and what its journal is kept on. */
export class Site {
  readonly gateway: GatewayNode
  readonly record: GatewayRecord
  readonly links: Readonly<Record<'broker' | 'etcd', Link>>
  readonly journal: JournalDirectory
  readonly configFile: string
  readonly clock: FalseClock | undefined

  /** Writes its configuration, with ports that are free. */
  readonly configure: () => Promise<unknown>

  constructor(parts: Pick<Site, SitePart>, clock: FalseClock | undefined) {
    this.gateway = parts.gateway
    this.record = parts.record
    this.links = parts.links
    this.journal = parts.journal
    this.configFile = parts.configFile
    this.configure = parts.configure
    this.clock = clock
  }

  /** @param held etcd says nothing to it until it has listened for a while */
  async start(held: boolean): Promise<void> {
    if (!held) return this.gateway.start()
    const mend = this.sever('etcd', 'hole')
    try {
      await this.gateway.start()
      await setTimeout(HELD)
    } finally {
      mend()
    }
  }

  /** Cuts it off from a source; returns what mends that. */
  sever(source: 'broker' | 'etcd', how: 'cut' | 'hole'): () => void {
    this.record.cutOff(source, performance.now())
    const link = this.links[source]
    if (how === 'cut') link.cut()
    else link.blackhole()
    return () => {
      link.mend()
      this.record.reconnected(source, performance.now())
    }
  }
}
