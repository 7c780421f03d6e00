import t from 'tap'
import { StreamHealth } from '../../../src/sources/ssf/stream-health.js'

function recorded() {
  const told: string[] = []
  const health = new StreamHealth((status, detail) => told.push(detail === undefined ? status : `${status}: ${detail}`))
  return { health, last: () => told.at(-1), told }
}

t.test('a stream is live once events were seen to arrive, and says each status once', async (t) => {
  const { health, told } = recorded()
  health.reached()
  health.reached()
  health.proven()
  health.held(0)
  health.missed(false)
  t.strictSame(told, ['connecting', 'live'])
})

t.test('what fails before it was live is failed, and later a gap', async (t) => {
  const { health, last } = recorded()
  health.failed('no answer')
  t.equal(last(), 'failed: no answer')
  health.reached()
  t.equal(last(), 'connecting')
  health.proven()
  health.failed('no answer')
  t.equal(last(), 'gap: no answer')
  health.reached()
  t.equal(last(), 'live')
})

t.test(
  'a backlog after a failure is read before the stream is live again; one that grows meanwhile is not one',
  async (t) => {
    const { health, told } = recorded()
    health.polled(0, true)
    health.polled(0, false)
    health.polled(0, true)
    health.failed('no answer')
    health.polled(0, true)
    health.polled(1, false)
    health.polled(0, true)
    health.polled(0, false)
    const held = 'gap: events that cannot be applied yet: 1'
    t.strictSame(told, ['connecting', 'live', 'gap: no answer', 'connecting', held, 'connecting', 'live'])
  },
)

t.test('a stream is not live while one thing speaks against it', async (t) => {
  const { health, last } = recorded()
  health.proven()
  health.updated('paused')
  t.equal(last(), 'gap: the transmitter has paused the stream')
  t.notOk(health.isEnabled)
  health.missed(true)
  health.held(2)
  health.updated('enabled')
  t.equal(last(), 'gap: no verification event came in time')
  health.missed(false)
  t.equal(last(), 'gap: events that cannot be applied yet: 2')
  health.held(0)
  t.equal(last(), 'live')
})
