import t from 'tap'
import { FailureLog } from '../../src/logging/failure-log.js'
import { createLogging } from '../../src/logging/index.js'

function setUp() {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const clock = { elapsed: 0 }
  const logger = createLogging({ level: 'info', format: 'json', stream })('Test')
  return { lines, clock, failures: new FailureLog(logger, () => clock.elapsed) }
}

t.test('a failure is logged when it first comes, and once a minute with how often it came since', async (t) => {
  const { lines, clock, failures } = setUp()
  for (; clock.elapsed < 120_000; clock.elapsed += 10_000) failures.failed('warn', 'down', 'refused', { store: 's' })
  t.match(lines, [
    { level: 'warn', msg: 'down', reason: 'refused', store: 's' },
    { msg: 'down', reason: 'refused', count: 6 },
  ])
  t.notOk('count' in (lines[0] ?? {}))
})

t.test('another reason is logged at once, and those that take turns are one line each', async (t) => {
  const { lines, failures } = setUp()
  for (let i = 0; i < 3; i++) {
    failures.failed('warn', 'down', 'refused')
    failures.failed('error', 'down', 'timed out')
  }
  t.match(lines, [{ reason: 'refused' }, { level: 'error', reason: 'timed out' }])
  t.equal(lines.length, 2)
})

t.test('the same failure is logged again once the source was back', async (t) => {
  const { lines, failures } = setUp()
  failures.failed('warn', 'down', 'refused')
  failures.over()
  failures.failed('warn', 'down', 'refused')
  t.equal(lines.length, 2)
})

t.test('reasons without end are no reason to remember without end', async (t) => {
  const { lines, failures } = setUp()
  for (let i = 0; i < 33; i++) failures.failed('warn', 'down', String(i))
  failures.failed('warn', 'down', '32')
  failures.failed('warn', 'down', '0')
  t.equal(lines.length, 34)
})
