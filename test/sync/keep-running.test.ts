import t from 'tap'
import type { PersistentStore, RevocationSink } from '../../src/sources/source.js'
import { NEVER, setUp } from './driven.js'

t.test('a topic that rejects, throws or ends by itself is a gap, and is restarted with back-off', async (t) => {
  const ends: Record<string, () => Promise<void>> = {
    rejects: () => Promise.reject(new Error('a bug')),
    throws: () => {
      throw new Error('a bug')
    },
    ends: () => Promise.resolve(),
  }
  for (const [how, end] of Object.entries(ends)) {
    const sinks: RevocationSink[] = []
    const run = (sink: RevocationSink) => {
      sinks.push(sink)
      sink.state('live')
      return end()
    }
    const s = setUp({ realtime: { name: 'topic', run }, storeToo: false })
    await s.settle()
    t.match(s.synchronizer.state().sources[0], { status: 'gap', detail: how === 'ends' ? /by itself/ : 'a bug' }, how)
    sinks[0]?.state('live')
    t.match(s.synchronizer.state().sources[0], { status: 'gap' }, 'what an ended run says is not true any more')
    for (const [runs, delay] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
      s.clock.advance(delay - 1)
      await s.settle()
      t.equal(sinks.length, runs + 1)
      s.clock.advance(1)
      await s.settle()
      t.equal(sinks.length, runs + 2, `${how}: again after ${delay} ms`)
    }
    await s.synchronizer.stop()
    s.clock.advance(60_000)
    await s.settle()
    t.equal(sinks.length, 8)
  }
})

t.test('a watch that rejects before it was live has failed; when it is live the store is listed', async (t) => {
  let runs = 0
  let listings = 0
  let sink: RevocationSink | undefined
  const store: PersistentStore = {
    name: 'store',
    async *list() {
      listings++
      yield* []
    },
    async watch(given) {
      if (runs++ === 0) throw new Error('a bug')
      sink = given
      await NEVER
    },
  }
  const s = setUp({ realtimeToo: false, store })
  await s.settle()
  t.match(s.synchronizer.state().sources[0], { role: 'watch', status: 'failed', detail: 'a bug' })
  s.clock.advance(1_000)
  await s.settle()
  t.equal(runs, 2)
  t.equal(listings, 1)
  sink?.state('connecting')
  sink?.state('live')
  await s.settle()
  t.equal(listings, 2)
})
