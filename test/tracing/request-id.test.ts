import { randomBytes } from 'node:crypto'
import t from 'tap'
import { makeRequestId, readRequestId } from '../../src/tracing/request-id.js'

t.test('a short id of plain characters is taken', (t) => {
  for (const id of [
    '7',
    '4bf92f35-77b3-4da6-a3ce-929d0e0e4736',
    'Root=1-67891233-abcdef012345678912345678',
    'a'.repeat(64),
  ])
    t.equal(readRequestId(id), id)
  t.equal(readRequestId(makeRequestId())?.length, makeRequestId().length)
  t.not(makeRequestId(), makeRequestId())
  t.end()
})

t.test('what is long, could be a JWT, or could forge a line of a log is not', (t) => {
  const jwt = `eyJhbGciOiJIUzI1NiJ9.e30.${randomBytes(32).toString('base64url')}`
  for (const id of ['', ' ', 'a b', 'a, b', 'a\nb', 'a"b', 'a]b', 'ü', 'a'.repeat(65), jwt])
    t.equal(readRequestId(id), undefined, id)
  t.equal(readRequestId(undefined), undefined)
  t.end()
})
