import fc from 'fast-check'
import t from 'tap'
import { readTraceparent, startTrace, writeTraceparent } from '../../src/tracing/trace-context.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

t.test('a valid traceparent is read, of version 00 and of later ones', (t) => {
  const sampled = { traceId: TRACE, parentId: SPAN, sampled: true }
  t.strictSame(readTraceparent(`00-${TRACE}-${SPAN}-01`), sampled)
  t.strictSame(readTraceparent(`00-${TRACE}-${SPAN}-00`), { ...sampled, sampled: false })
  t.strictSame(readTraceparent(`cc-${TRACE}-${SPAN}-03`), sampled)
  t.strictSame(readTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes-later`), sampled)
  t.end()
})

t.test('an invalid traceparent is ignored', (t) => {
  for (const value of [
    ...['', '00', `00-${TRACE}-${SPAN}`, `00-${TRACE}-${SPAN}-1`, `00-${TRACE}-${SPAN}-01 `],
    ...[`00-${TRACE.toUpperCase()}-${SPAN}-01`, `00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`],
    ...[`ff-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01-more`, `cc-${TRACE}-${SPAN}-01.more`],
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  ]) {
    t.equal(readTraceparent(value), undefined, value)
  }
  t.equal(readTraceparent(undefined), undefined)
  t.equal(readTraceparent([`00-${TRACE}-${SPAN}-01`]), undefined)
  fc.assert(fc.property(fc.string(), (text) => readTraceparent(text) === undefined))
  t.end()
})

t.test('a trace that was started is read as it was written, and has an id of its own', (t) => {
  const ids = new Set<string>()
  for (let i = 0; i < 1_000; i++) {
    const trace = startTrace(i % 2)
    t.strictSame(readTraceparent(writeTraceparent(trace)), { ...trace, sampled: i % 2 === 1 })
    ids.add(trace.traceId).add(trace.parentId)
  }
  t.equal(ids.size, 2_000)
  t.end()
})
