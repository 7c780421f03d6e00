import { Readable } from 'node:stream'
import t from 'tap'
import { NoticeEndpoints, type PostedNotice, written } from '../../../src/server/identity-provider/notice-endpoints.js'
import { gate } from '../../auth/key-manager.js'

const PATH = '/backchannel_logout/idp'

/** A request of a network, with headers and a body. */
function request(body: string | Buffer, network = 'a', rawHeaders: readonly string[] = []) {
  const headers = Object.fromEntries(
    rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? '']] : [])),
  )
  return {
    req: { method: 'POST', url: PATH, httpVersion: '1.1', headers, rawHeaders },
    body: Readable.from([Buffer.from(body)]),
    network,
    askForBody: () => undefined,
  }
}

t.test('a notice is handed on as it came, and its answer as it is', async (t) => {
  const received: PostedNotice[] = []
  const endpoints = new NoticeEndpoints({
    paths: [PATH],
    receive: async (notice) => {
      received.push(notice)
      return { status: 200 }
    },
  })
  t.ok(endpoints.has('POST', PATH))
  for (const [method, path] of [
    ['GET', PATH],
    ['POST', `${PATH}/`],
    ['POST', '/'],
  ] as const)
    t.notOk(endpoints.has(method, path))
  const headers = ['content-type', 'text/plain', 'authorization', 'Bearer x']
  t.same(await endpoints.answer(PATH, request('hello', 'a', headers)), { status: 200 })
  t.same(received, [{ path: PATH, contentType: 'text/plain', authorization: 'Bearer x', body: 'hello' }])
})

t.test('what can be read in two ways, or is too large or too slow, is not handed on', async (t) => {
  const receive = () => t.fail('handed on') as never
  const endpoints = new NoticeEndpoints({ paths: [PATH], receive, bodyTimeout: 10 })
  const two = ['authorization', 'a', 'Authorization', 'b']
  t.match(await endpoints.answer(PATH, request('', 'a', two)), { status: 400 })
  t.match(await endpoints.answer(PATH, request('', 'a', ['content-encoding', 'gzip'])), { status: 400 })
  t.match(await endpoints.answer(PATH, request('x'.repeat(80_001))), { status: 413 })
  const slow = { ...request(''), body: new Readable({ read: () => undefined }) }
  t.match(await endpoints.answer(PATH, slow), { status: 408 })
})

t.test('a network with a flood of notices leaves room for others, and is turned away beyond a bound', async (t) => {
  const held = gate<void>()
  const begun: string[] = []
  const endpoints = new NoticeEndpoints({
    paths: [PATH],
    receive: async ({ body }) => {
      begun.push(body)
      await held.opened
      return { status: 200 }
    },
  })
  const flood = Array.from({ length: 64 + 1_024 + 1 }, (_, i) => endpoints.answer(PATH, request(`flood-${i}`, 'flood')))
  t.match(await Promise.race(flood), { status: 503, retryAfter: 1 })
  const other = endpoints.answer(PATH, request('other', 'other'))
  while (!begun.includes('other')) await new Promise(setImmediate)
  t.equal(begun.length, 25)
  held.open()
  t.same(await other, { status: 200 })
  const answers = await Promise.all(flood)
  t.equal(answers.filter(({ status }) => status === 503).length, 1)
})

t.test('bodies that do not end take the places of one network, and those beyond wait unread', async (t) => {
  const endpoints = new NoticeEndpoints({ paths: [PATH], receive: async () => ({ status: 200 }) })
  let asked = 0
  const bodies = Array.from({ length: 100 }, () => new Readable({ read: () => undefined }))
  const flood = bodies.map((body) =>
    endpoints.answer(PATH, { ...request('', 'flood'), body, askForBody: () => asked++ }),
  )
  t.same(await endpoints.answer(PATH, request('other', 'other')), { status: 200 })
  t.equal(asked, 64)
  for (const body of bodies) body.push(null)
  for (const answer of await Promise.all(flood)) t.same(answer, { status: 200 })
  t.equal(asked, 100)
})

t.test('an answer is never cached', async (t) => {
  t.same(written({ status: 200 }), { headers: ['cache-control', 'no-store', 'content-length', '0'], text: '' })
  t.match(written({ status: 503, body: { error: 'x' }, retryAfter: 5 }), {
    headers: [
      'cache-control',
      'no-store',
      'content-length',
      '13',
      'content-type',
      'application/json',
      'retry-after',
      '5',
    ],
    text: '{"error":"x"}',
  })
})
