import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { createLogging } from '../../../src/logging/index.js'
import { LINES_A_SECOND } from '../../../src/server/log/line-limit.js'
import { type LoggedRequest, RequestLog } from '../../../src/server/log/request-log.js'

const REQUEST: LoggedRequest = { requestId: '7' }
const COUNT = 100 * LINES_A_SECOND

/** The lines that `write` writes, and those that come later, until `COUNT` of them are written or counted. */
async function linesOf(write: (log: RequestLog) => void) {
  const events = new EventEmitter()
  const lines: { level: string; msg: string; leftOut?: number }[] = []
  const take = (line: string) => {
    lines.push(JSON.parse(line))
    events.emit('line')
  }
  const log = new RequestLog(createLogging({ level: 'info', format: 'json', stream: { write: take } }))
  for (let i = 0; i < COUNT; i++) write(log)
  const leftOut = () => lines.reduce((sum, line) => sum + (line.leftOut ?? 0), 0)
  const summaries = () => lines.filter(({ msg }) => /requests|responses/.test(msg)).length
  const timer = setInterval(() => undefined, 1_000) // the log's own does not keep a process alive
  while (lines.length - summaries() + leftOut() < COUNT) await once(events, 'line')
  clearInterval(timer)
  return { lines, leftOut: leftOut() }
}

t.test('a flood of failures writes a few lines, with the number of suppressed ones', async (t) => {
  const [failed, upstream] = await Promise.all([
    linesOf((log) => log.failed(REQUEST, new Error('odd'))),
    linesOf((log) => log.upstreamFailed(REQUEST, 'unreachable', 'http://a.example', new Error('down'))),
  ])
  for (const { lines, leftOut } of [failed, upstream]) {
    t.ok(lines.length <= 4 * LINES_A_SECOND, `${lines.length} lines`)
    t.ok(leftOut >= COUNT - 4 * LINES_A_SECOND, `${leftOut} left out`)
    t.ok(lines.every(({ level }) => level === 'error'))
  }
})

t.test('an upstream that fails often does not hide the failure of another one', async (t) => {
  const lines: string[] = []
  const log = new RequestLog(
    createLogging({ level: 'info', format: 'json', stream: { write: (line) => void lines.push(line) } }),
  )
  for (let i = 0; i < COUNT; i++) log.upstreamFailed(REQUEST, 'unreachable', 'http://a.example', undefined)
  log.upstreamFailed(REQUEST, 'timeout', 'http://b.example', undefined)
  t.match(lines.at(-1), /http:\/\/b\.example/)
})
