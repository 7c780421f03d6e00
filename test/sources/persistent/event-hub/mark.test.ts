import t, { type Test } from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { createHttpClient } from '../../../../src/http-client/index.js'
import { type EventHubOptions, eventHubStore } from '../../../../src/sources/persistent/event-hub/store.js'
import type { PersistentStore } from '../../../../src/sources/source.js'
import { type HubAnswer, type HubStandIn, startHub, text } from '../../../services/event-hub.js'
import { failure } from '../contract.js'

const HOUR = 3_600_000
const ENTRIES = '[{"jwt_signature":"a"},{"jwt_signature":"b"}]'

/** Answers as a server does that knows its list by these headers, and says 304 to whoever names them. */
function versioned(headers: Record<string, string>, body = ENTRIES): HubAnswer {
  return (response, request) => {
    const { 'if-none-match': etag, 'if-modified-since': modified } = request.headers
    const isKnown =
      etag === undefined ? modified !== undefined && modified === headers['last-modified'] : etag === headers.etag
    response.writeHead(isKnown ? 304 : 200, headers)
    response.end(isKnown ? undefined : body)
  }
}

/** HTTP's form of the moment so many milliseconds before now. */
const date = (ago: number) => new Date(Date.now() - ago).toUTCString()

t.test('a hub that names its list by a strong ETag, or a settled date, is asked for it once', async (t) => {
  const hub = await startHub(t)
  const store = storeOf(t, hub)
  for (const headers of [
    { etag: '"v1"' },
    { 'last-modified': date(10_000), date: date(0) },
    { etag: 'W/"v1"', 'last-modified': date(10_000), date: date(0) },
  ]) {
    hub.answer(versioned(headers))
    const first = await listed(store)
    t.match(first, { ids: ['a', 'b'], isUnchanged: false, mark: /.+/ })
    t.strictSame(await listed(store, first.mark), { ids: [], isUnchanged: true, mark: undefined })
    hub.answer(versioned({ ...headers, etag: '"v2"', 'last-modified': date(5_000) }, '[{"jwt_signature":"c"}]'))
    t.match(await listed(store, first.mark), { ids: ['c'], isUnchanged: false, mark: /.+/ }, 'a change is listed')
  }
})

t.test('what does not tell a change for certain makes no mark', async (t) => {
  const hub = await startHub(t)
  const store = storeOf(t, hub)
  const cases: [string, Record<string, string>, string?][] = [
    ['no header', {}],
    ['a weak ETag', { etag: 'W/"v1"' }],
    ['an ETag that is none', { etag: 'v1' }],
    ['an ETag without end', { etag: `"${'x'.repeat(1_000)}"` }],
    ['a date whose second was not over', { 'last-modified': date(0), date: date(0) }],
    ['a date in the future', { 'last-modified': date(-HOUR), date: date(0) }],
    ['a date that is none', { 'last-modified': 'yesterday', date: date(0) }],
    ['an entry that cannot be read', { etag: '"v1"' }, '[{"jwt_signature":"a"},null]'],
  ]
  for (const [title, headers, body] of cases) {
    hub.answer(versioned(headers, body))
    t.equal((await listed(store)).mark, undefined, title)
  }
  hub.answer((response) => {
    response.sendDate = false
    response.writeHead(200, { 'last-modified': date(10_000) })
    response.end(ENTRIES)
  })
  t.equal((await listed(store)).mark, undefined, 'a date, but no clock to compare it with')
  hub.answer((response) => {
    const [modified, now] = [date(1_200), date(0)]
    setTimeout(() => response.writeHead(200, { 'last-modified': modified, date: now }).end(ENTRIES), 1_500)
  })
  t.equal((await listed(store)).mark, undefined, 'a date that may be of after the hub was asked')
})

t.test('a listing that was not taken in whole makes no mark', async (t) => {
  const hub = await startHub(t)
  const store = storeOf(t, hub)
  hub.answer(versioned({ etag: '"v1"' }, ENTRIES.slice(0, -1)))
  const marks: string[] = []
  const context = { unchanged: () => undefined, mark: (mark: string) => marks.push(mark) }
  t.match(await failure(drain(store.list(new AbortController().signal, context))), { code: 'ERR_STORE_ANSWER' })
  hub.answer(versioned({ etag: '"v1"' }))
  for await (const { id } of store.list(new AbortController().signal, context)) if (id === 'b') break
  t.strictSame(marks, [], 'its consumer stopped at the last one')
  await drain(store.list(new AbortController().signal, context))
  t.equal(marks.length, 1)
})

t.test('a mark that is old, of another clock, user, hub or version, or no mark, has the whole listed', async (t) => {
  const hub = await startHub(t)
  hub.answer(versioned({ etag: '"v1"' }))
  const mark = (await listed(storeOf(t, hub))).mark ?? ''
  const at = JSON.parse(mark).at as number
  const changed = (changes: object) => JSON.stringify({ ...JSON.parse(mark), ...changes })
  const all = { ids: ['a', 'b'], isUnchanged: false }
  t.match(await listed(storeOf(t, hub), changed({ at: at - HOUR + 60_000 })), { isUnchanged: true })
  for (const other of [
    changed({ at: at - HOUR }),
    changed({ at: at + 60_000 }),
    changed({ at: 'now' }),
    changed({ reader: 0 }),
    changed({ of: 'another' }),
    changed({ etag: undefined }),
    changed({ etag: 'a\nb: c' }),
    changed({ etag: undefined, modified: 'a\nb: c' }),
    '',
    'null',
    '{}',
  ]) {
    t.match(await listed(storeOf(t, hub), other), all, other)
  }
  t.match(await listed(storeOf(t, hub, { username: 'else', password: new Secret('x') }), mark), all, 'another user')
  t.match(await listed(storeOf(t, { ...hub, url: `${hub.url}/v2` }), mark), all, 'another hub')
  t.match(
    await listed(storeOf(t, hub, { retention: 60_000 }), changed({ at: at - 40_000 })),
    all,
    'what is kept for a minute',
  )
})

t.test('a 304 that nobody asked for is a failed listing', async (t) => {
  const hub = await startHub(t)
  hub.answer(text('', 304))
  t.match(await failure(listed(storeOf(t, hub))), { code: 'ERR_STORE_STATUS' })
})

t.test('what a marked listing names outlives its end until it is listed again', async (t) => {
  const hub = await startHub(t)
  const end = Date.now() + 60_000
  const body = `[{"jwt_signature":"a","expiry_time":${end}},{"jwt_signature":"b"}]`
  for (const [headers, expected] of [
    [{ etag: '"v1"' }, end + 2 * HOUR],
    [{}, end],
  ] as const) {
    hub.answer(versioned(headers, body))
    const ends: unknown[] = []
    for await (const { expiresAt } of storeOf(t, hub).list(new AbortController().signal)) ends.push(expiresAt)
    t.strictSame(ends, [expected, undefined])
  }
})

function storeOf(t: Test, hub: HubStandIn, settings: Partial<EventHubOptions> = {}): PersistentStore {
  const client = createHttpClient()
  t.teardown(() => client.destroy())
  return eventHubStore({ endpointUrl: hub.url, client, timeout: 30_000, maxBytes: 4 * 1024 * 1024, ...settings })
}

async function listed(store: PersistentStore, since?: string) {
  let isUnchanged = false
  let mark: string | undefined
  const ids: string[] = []
  const context = {
    ...(since === undefined ? {} : { since }),
    unchanged: () => {
      isUnchanged = true
    },
    mark: (given: string) => {
      mark = given
    },
  }
  for await (const { id } of store.list(new AbortController().signal, context)) ids.push(id ?? '')
  return { ids, isUnchanged, mark }
}

async function drain(listing: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of listing);
}
