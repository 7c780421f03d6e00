import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseConfig } from '../../src/config/index.js'
import { openRevocations } from '../../src/gateway/open-revocations.js'
import type { Revocations } from '../../src/gateway/revocations.js'
import { createLogging, silent } from '../../src/logging/index.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { identify } from '../../src/token/identity.js'
import { type HubStandIn, startHub } from '../services/event-hub.js'
import { setUp, token } from './driven.js'

const ENTRIES = Array.from({ length: 500 }, (_, n) => ({ jwt_signature: `t${n}` }))

/** A hub that knows its list by an ETag; says what it was asked for, and answered. */
async function taggedHub(t: Test) {
  const hub = await startHub(t)
  const answers: string[] = []
  const state = { version: 1, entries: ENTRIES }
  hub.answer((response, request) => {
    const etag = `"v${state.version}"`
    const isKnown = request.headers['if-none-match'] === etag
    answers.push(`${request.headers['if-none-match'] ?? 'all'} ${isKnown ? 304 : 200}`)
    response.writeHead(isKnown ? 304 : 200, { etag })
    response.end(isKnown ? undefined : JSON.stringify(state.entries))
  })
  return { hub, answers, state }
}

async function start(t: Test, directory: string, hub: HubStandIn, more = ''): Promise<Revocations> {
  const file = `[server]
  stateDirectory = ${JSON.stringify(directory)}
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "default"
  endpointURL = ${JSON.stringify(hub.url)}
  refreshInterval = "1s"
  ${more}
[tokenRevocationConfig.journal]
  enable = true
  path = ${JSON.stringify(join(directory, 'journal'))}
`
  const { config } = parseConfig(file, join(directory, 'micro-gw.conf'), {})
  const revocations = await openRevocations(config, silent)
  t.teardown(() => revocations.close())
  revocations.start()
  await revocations.known()
  return revocations
}

const enforces = (revocations: Revocations, id: string) =>
  revocations.find(identify({ kind: 'opaque', token: id }, {}, revocations.fingerprints)) !== undefined

t.test(
  'a store that held many records and is empty is a warning, also after a restart; they stay revoked',
  async (t) => {
    const lines: string[] = []
    const stream = { write: (line: string) => lines.push(line) }
    const logger = createLogging({ level: 'warn', format: 'json', stream })('Test')
    const many = Array.from({ length: 100 }, (_, n) => token(`t${n}`))
    for (const lastListing of [undefined, { records: 100 }]) {
      lines.length = 0
      const s = setUp({ realtimeToo: false, logger, ...(lastListing === undefined ? {} : { lastListing }) })
      const answer = async (records: RevocationRecord[]) => {
        ;(await s.store.next()).resolve(records)
        await s.settle()
        s.clock.advance(60_000)
      }
      if (lastListing === undefined) await answer(many)
      for (let times = 0; times < 3; times++) await answer([])
      t.match(lines, [/"before":100,"msg":"the store is now empty; what it held stays revoked"/])
      t.match(s.synchronizer.state().sources, [{ role: 'store', status: 'live', detail: /empty; .* 100 revocations/ }])
      t.ok(s.isKnown())
      await answer([token('one')])
      t.equal(s.synchronizer.state().sources[0]?.detail, undefined)
      await answer([])
      t.equal(lines.length, 1, 'one record may well have ended')
    }
  },
)

t.test('after a restart a hub that reports no change is not listed again', async (t) => {
  const { hub, answers, state } = await taggedHub(t)
  const directory = t.testdir()
  await (await start(t, directory, hub)).close()
  const again = await start(t, directory, hub)
  t.strictSame([answers[0], answers.at(-1)], ['all 200', '"v1" 304'])
  t.ok(ENTRIES.every(({ jwt_signature: id }) => enforces(again, id)))
  await again.close()

  state.version++
  state.entries = [...ENTRIES, { jwt_signature: 'revoked meanwhile' }]
  const later = await start(t, directory, hub)
  t.equal(answers.at(-1), '"v1" 200')
  t.ok(enforces(later, 'revoked meanwhile'))
  await later.close()

  answers.length = 0
  await (await start(t, directory, hub, 'username = "another"')).close()
  t.equal(answers[0], 'all 200', 'another user may be shown another list')
})

t.test('the last listing noted by a damaged or lost journal is not believed', async (t) => {
  const { hub, answers } = await taggedHub(t)
  const directory = t.testdir()
  const path = join(directory, 'journal')
  await (await start(t, directory, hub)).close()
  const bytes = readFileSync(path)
  const flipped = bytes.length >> 1
  bytes[flipped] = (bytes[flipped] ?? 0) ^ 1
  writeFileSync(path, bytes)
  answers.length = 0
  const damaged = await start(t, directory, hub)
  t.equal(answers[0], 'all 200')
  t.ok(ENTRIES.every(({ jwt_signature: id }) => enforces(damaged, id)))
})
