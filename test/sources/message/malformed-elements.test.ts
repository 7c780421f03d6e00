import t from 'tap'
import { createLogging } from '../../../src/logging/index.js'
import { MalformedElements } from '../../../src/sources/message/malformed-elements.js'

function setup(level: 'warn' | 'debug' = 'warn') {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const logger = createLogging({ level, format: 'json', stream })('Test')
  const clock = { now: 0 }
  return { lines, clock, elements: new MalformedElements({ logger, warning: 'unreadable', now: () => clock.now }) }
}

t.test('an element of a stream is counted each time and logged once a minute a reason', async (t) => {
  const { lines, clock, elements } = setup()
  t.equal(elements.report(), undefined)
  for (let i = 0; i < 100; i++) elements.count('no-id')
  elements.count('bad-time', 'key 7')
  t.match(lines, [
    { msg: 'unreadable', reason: 'no-id', count: 1 },
    { reason: 'bad-time', count: 1, first: 'key 7' },
  ])
  clock.now = 60_000
  elements.count('no-id')
  clock.now = 0
  elements.count('no-id')
  t.match(lines.slice(2), [{ count: 101 }, { count: 102 }], 'a clock that was set back silences nothing')
  t.strictSame(elements.report(), { malformed: { 'no-id': 102, 'bad-time': 1 }, malformedAt: { 'bad-time': 'key 7' } })
})

t.test('a second element of a reason is logged at debug', async (t) => {
  const { lines, elements } = setup('debug')
  elements.count('no-id', 'key 1')
  elements.count('no-id', 'key 2')
  t.match(lines, [
    { level: 'warn', reason: 'no-id', count: 1 },
    { level: 'debug', msg: 'unreadable', reason: 'no-id', count: 2, first: 'key 2' },
  ])
})

t.test('a listing replaces the counts when it ends; one that does not end changes nothing', async (t) => {
  const { lines, elements } = setup()
  elements.count('no-id', 'streamed')
  const first = elements.listing()
  first.count('no-id', 'first')
  first.count('no-id', 'second')
  elements.count('bad-time', 'meanwhile')
  t.strictSame(elements.report()?.malformed, { 'no-id': 1, 'bad-time': 1 })
  first.end()
  t.strictSame(elements.report()?.malformed, { 'no-id': 2, 'bad-time': 1 }, 'what was there before is in the listing')
  t.equal(elements.report()?.malformedAt?.['no-id'], 'first')
  elements.listing().count('no-id', 'of a listing that failed')
  t.strictSame(elements.report()?.malformed, { 'no-id': 2, 'bad-time': 1 })
  const told = lines.length
  for (const count of [2, 1, 2]) {
    const again = elements.listing()
    for (let i = 0; i < count; i++) again.count('no-id', 'again')
    again.end()
    t.strictSame(elements.report()?.malformed, { 'no-id': count })
  }
  t.match(lines.slice(told), [{ reason: 'no-id', count: 2 }], 'logged when there are more than in the last one')
  elements.listing().end()
  t.equal(elements.report(), undefined)
})
