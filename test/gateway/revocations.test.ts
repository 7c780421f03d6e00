import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openJournal } from '../../src/journal/index.js'
import { silent } from '../../src/logging/index.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { startAmqp10Broker } from '../services/amqp10-broker.js'
import { revocationsOf } from './revocations-of.js'

t.test('a durable subscription accepts a revocation only once it is in the journal', async (t) => {
  const broker = await startAmqp10Broker(t)
  const directory = t.testdir()
  const path = join(directory, 'journal')
  const text = `[tokenRevocationConfig.realtime]
  enableRealtimeMessageRetrieval = true
  jmsConnectionProviderUrl = "amqp10://127.0.0.1:${broker.port}"
  durableSubscription = true
[tokenRevocationConfig.journal]
  enable = true
  path = ${JSON.stringify(path)}
`
  const revocations = await revocationsOf(t, directory).start(text)
  while (broker.subscriptions.length === 0) await broker.heard(1)
  t.notOk(revocations.state().sources.some((source) => 'malformed' in source))
  for (let i = 1; i <= 20; i++) {
    broker.publish('tokenRevocation', { body: { revokedToken: `t${i}` } })
    await broker.acceptedAll(i)
    copyFileSync(path, `${path}-${i}`)
  }
  for (const body of ['no json', '{"no":"token"}', 'no json either']) broker.publish('tokenRevocation', { body })
  await broker.acceptedAll(23)
  t.match(revocations.state().sources, [{ role: 'realtime', malformed: { 'not-json': 2, 'no-token': 1 } }])
  for (const i of [1, 10, 20]) {
    const copy = await openJournal({
      path: `${path}-${i}`,
      now: Date.now(),
      sources: '',
      logger: silent('test'),
      listOf: (fingerprints) => new RevocationList({ fingerprints, retention: 3_600_000 }),
    })
    t.equal(copy.list.size.tokens, i)
    await copy.journal.close()
  }
})

/** A module whose store takes revocations when `globalThis[key]` says so. */
const STORE = (key: string) => `export const createStore = () => ({
  name: 'a store',
  async *list() {},
  async put() { if (globalThis[${JSON.stringify(key)}] !== true) throw new Error('away') },
})`

t.test(
  'a revocation through the gateway is confirmed only when the store has it, or the disk has it and its outbox entry',
  async (t) => {
    const directory = t.testdir({ 'revocations.outbox': 'where the outbox cannot be made' })
    const key = `takes-${process.pid}`
    writeFileSync(join(directory, 'store.mjs'), STORE(key))
    const of = (journal: boolean) => `[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "mine"
  module = "store.mjs"
[tokenRevocationConfig.journal]
  enable = ${journal}
  path = ${JSON.stringify(join(directory, 'revocations.journal'))}
`
    const start = async (journal: boolean) => {
      const revocations = await revocationsOf(t, directory).start(of(journal))
      await revocations.known()
      return revocations
    }
    const token = (id: string) => ({ kind: 'token' as const, id, expiresAt: Date.now() + 3_600_000 })
    const unconfirmed = { name: 'UnconfirmedRevocation', code: 'ERR_REVOCATION_NOT_DURABLE' }

    const [withJournal, without] = [await start(true), await start(false)]
    await Promise.all([
      t.rejects(withJournal.revokeHere(token('one')), unconfirmed, 'no other gateway would learn of it'),
      t.rejects(without.revokeHere(token('two')), unconfirmed, 'nothing has it but memory'),
    ])
    for (const revocations of [withJournal, without])
      t.equal(revocations.state().entries.tokens, 1, 'it is on the list')
    rmSync(join(directory, 'revocations.outbox'))
    // An attempt to open the outbox that began before may still fail, and 'three' with it.
    await withJournal.revokeHere(token('three')).catch(() => withJournal.revokeHere(token('three')))
    await withJournal.revokeHere(undefined)
    Reflect.set(globalThis, key, true)
    t.teardown(() => Reflect.deleteProperty(globalThis, key))
    await without.revokeHere(token('four'))
    await withJournal.close()
    await without.close()
  },
)

t.test('a journal that looks recent by a clock that is days behind does not stand in for the list', async (t) => {
  const directory = t.testdir()
  const key = `asked-${process.pid}`
  let asked = () => {}
  let isAway = false
  const alive = setInterval(() => undefined, 1_000) // a gateway's timers keep no process alive
  t.teardown(() => clearInterval(alive))
  Reflect.set(globalThis, key, () => {
    asked()
    if (isAway) throw new Error('away')
  })
  t.teardown(() => Reflect.deleteProperty(globalThis, key))
  const list = `async *list() { globalThis[${JSON.stringify(key)}]() }`
  writeFileSync(join(directory, 'store.mjs'), `export const createStore = () => ({ name: 'a store', ${list} })`)
  const text = `[tokenRevocationConfig]
  startupGrace = "200ms"
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "mine"
  module = "store.mjs"
`
  const { start: startOf } = revocationsOf(t, directory)
  const start = () => startOf(text)
  const first = await start()
  await first.known()
  await first.close()
  isAway = true
  const second = await start()
  await second.known()
  t.match(second.state().reason, /the journal/)
  await second.close()

  const third = await start()
  third.witness('https://issuer.example', Date.now() + 3 * 24 * 3_600_000)
  const begun = performance.now()
  while (performance.now() - begun < 500) {
    await new Promise<void>((resolve) => {
      asked = resolve
    })
  }
  t.notOk(third.isKnown, 'the source of another date knows better')
})

t.test('with the journal off and no store, memory is enough to confirm; a warning says so', async (t) => {
  const { open, said } = revocationsOf(t, t.testdir())
  const warned = said(/revocations through the gateway are lost on restart/)
  const revocations = await open('[tokenRevocationConfig.journal]\n  enable = false\n')
  await warned
  await revocations.revokeHere({ kind: 'token', id: 'one', expiresAt: undefined })
  t.equal(revocations.state().entries.tokens, 1)
  await revocations.close()
})
