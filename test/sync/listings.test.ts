import t from 'tap'
import { createLogging } from '../../src/logging/index.js'
import { setUp, token } from './driven.js'

t.test('a store that fails is retried with back-off, and the list stays unknown', async (t) => {
  const s = setUp({ realtimeToo: false })
  for (const delay of [100, 200, 400, 800]) {
    ;(await s.store.next()).reject(new Error('down'))
    await s.settle()
    const before = s.store.listings
    s.clock.advance(delay - 1)
    t.equal(s.store.listings, before, `not within ${delay} ms`)
    s.clock.advance(1)
  }
  t.notOk(s.isKnown())
  t.equal(s.synchronizer.state().sources[0]?.status, 'failed')
  ;(await s.store.next()).resolve([])
  await s.synchronizer.known()
})

t.test('a store that goes on failing is logged once a minute, and once when it is back', async (t) => {
  const lines: { msg?: string; reason?: string; count?: number }[] = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const s = setUp({ realtimeToo: false, logger: createLogging({ level: 'info', format: 'json', stream })('test') })
  const end = s.clock.elapsed() + 65_000
  const fail = async (reason: string) => {
    ;(await s.store.next()).reject(new Error(reason))
    await s.settle()
    for (; s.store.pending.length === 0; await s.settle()) s.clock.advance(s.clock.untilNext() ?? 0)
  }
  while (s.clock.elapsed() < end) await fail('down')
  await fail('another')
  ;(await s.store.next()).resolve([])
  await s.settle()
  const said = lines.filter(({ msg }) => /store|source/.test(msg ?? ''))
  t.match(said, [
    { msg: 'cannot list the store; retrying', reason: 'down' },
    { msg: 'cannot list the store; retrying', reason: 'down', count: Number },
    { msg: 'cannot list the store; retrying', reason: 'another' },
    { msg: 'revocation source live' },
  ])
  t.equal(said.length, 4)
})

t.test('listings requested during one make one more, and never two at a time', async (t) => {
  const s = setUp({ realtimeToo: false })
  const first = await s.store.next()
  for (let i = 0; i < 10; i++) s.synchronizer.requestListing('test')
  t.equal(s.store.listings, 1)
  first.resolve([])
  ;(await s.store.next()).resolve([])
  await s.settle()
  t.equal(s.store.listings, 2)
})

t.test('a listing that the topic requests (a batch event) lists the store', async (t) => {
  const s = setUp()
  s.topic().state('live')
  ;(await s.store.next()).resolve([])
  await s.settle()
  s.topic().resync('batch')
  ;(await s.store.next()).resolve([token('b')])
  await s.settle()
  t.strictSame(s.applied, ['b'])
})
