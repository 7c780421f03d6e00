import { readFileSync } from 'node:fs'
import type { Config } from '../config/index.js'
import { createHttpClient } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import { Fingerprinter } from './fingerprint.js'
import type { Revocation, RevocationLookup } from './lookup.js'
import { persistentStore, realtimeSource } from './sources.js'
import { Synchronizer } from './synchronizer.js'
import { canonicalIds, type TokenIdentity } from './token-id.js'
export class Revocations implements RevocationLookup {
  fingerprinter = Fingerprinter.random()
  map = new Map<string, string>()
  sync!: Synchronizer
  get knownUntil() {
    return this.sync.knownUntil
  }
  find(token: TokenIdentity, now: number): Revocation | undefined {
    for (const id of token.ids) {
      const s = this.map.get(`${id.hi} ${id.lo}`)
      if (s) return { by: id.by, source: s, learntAt: now }
    }
    return undefined
  }
  start() {
    this.sync.start()
  }
  known() {
    return this.sync.known()
  }
  state() {
    return this.sync.state()
  }
  close() {
    return this.sync.stop()
  }
}
export async function openRevocations(config: Config, logging: Logging): Promise<Revocations> {
  const r = new Revocations()
  const c = config.tokenRevocationConfig
  const client = createHttpClient(c.persistent.caFile ? { ca: [readFileSync(c.persistent.caFile, 'utf8')] } : {})
  const realtime = realtimeSource(c.realtime, undefined, logging)
  const store = persistentStore(c.persistent, client, logging)
  r.sync = new Synchronizer({
    ...(realtime ? { realtime } : {}),
    ...(store ? { store } : {}),
    target: {
      apply: (rec, s) => {
        if (rec.kind === 'token')
          for (const id of canonicalIds(rec.id)) {
            const f = r.fingerprinter.of('token', id)
            r.map.set(`${f.hi} ${f.lo}`, s)
          }
      },
      inStep: () => undefined,
    },
    failurePolicy: c.failurePolicy,
    startupGrace: c.startupGrace,
    maxStaleness: c.maxStaleness,
    refreshInterval: c.persistent.refreshInterval,
    logger: logging('Synchronizer'),
  })
  return r
}
