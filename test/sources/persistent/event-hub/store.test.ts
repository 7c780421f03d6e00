import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { generate } from 'selfsigned'
import t, { type Test } from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import { createHttpClient, type HttpClientOptions } from '../../../../src/http-client/index.js'
import { parseJson } from '../../../../src/json.js'
import { createLogging, type Logging } from '../../../../src/logging/index.js'
import { NEVER, type RevocationRecord } from '../../../../src/revocation/record.js'
import { readHubAnswer } from '../../../../src/sources/persistent/event-hub/answer.js'
import { eventHubStore } from '../../../../src/sources/persistent/event-hub/store.js'
import type { PersistentStore } from '../../../../src/sources/source.js'
import {
  type HubAnswer,
  type HubStandIn,
  json,
  manyTokens,
  startHub,
  text,
  tokenId,
} from '../../../services/event-hub.js'

const FUTURE = Date.now() + 3_600_000
const PAST = 1_608_708_909_000

t.test('both shapes, all three lists and both spellings become records', async (t) => {
  const cases: { title: string; answer: unknown; expected: RevocationRecord[] }[] = [
    {
      title: 'the older array',
      answer: [
        { jwt_signature: 'a', expiry_time: FUTURE },
        { jwtSignature: 'b', expiryTime: String(FUTURE) },
      ],
      expected: [token('a', FUTURE), token('b', FUTURE)],
    },
    {
      title: 'the newer object',
      answer: {
        revokedJWTList: [{ jwt_signature: 'c', expiry_time: FUTURE }],
        revokedJWTSubjectEntityList: [
          { entity_id: 'alice', entity_type: 'USER_ID', revocation_time: PAST, organization: 'carbon.super' },
          { entity_id: 'app', entity_type: 'CLIENT_ID', revocation_time: PAST },
        ],
        revokedJWTConsumerKeyList: [{ consumer_key: 'key', revocation_time: String(PAST), organization: 'x' }],
      },
      expected: [
        token('c', FUTURE),
        { kind: 'subject', id: 'alice', revokedBefore: PAST, expiresAt: undefined },
        { kind: 'client', id: 'app', revokedBefore: PAST, expiresAt: undefined },
        { kind: 'client', id: 'key', revokedBefore: PAST, expiresAt: undefined },
      ],
    },
    {
      title: 'the newer object with camelCase entries and other members between',
      answer: {
        version: { nested: ['x', { jwt_signature: 'not a token of the list' }] },
        revokedJWTConsumerKeyList: [{ consumerKey: 'key', revocationTime: PAST }],
        revokedJWTSubjectEntityList: null,
        revokedJWTList: [{ jwtSignature: 'd', expiryTime: FUTURE, extra: { deep: [1] } }],
      },
      expected: [{ kind: 'client', id: 'key', revokedBefore: PAST, expiresAt: undefined }, token('d', FUTURE)],
    },
    {
      title: 'expiries that say nothing: absent, 0, never, already past',
      answer: [
        { jwt_signature: 'e' },
        { jwt_signature: 'f', expiry_time: 0 },
        { jwt_signature: 'g', expiry_time: null },
        { jwt_signature: 'h', expiry_time: PAST },
      ],
      expected: ['e', 'f', 'g', 'h'].map((id) => token(id, undefined)),
    },
    { title: 'an empty array', answer: [], expected: [] },
    { title: 'an empty list', answer: { revokedJWTList: [] }, expected: [] },
  ]
  const hub = await startHub(t)
  const store = storeOf(t, hub)
  for (const { title, answer, expected } of cases) {
    hub.answer(json(answer))
    t.strictSame(await listed(store), expected, title)
  }
  hub.answer(text('[{"jwt_signature":"long","expiry_time":9223372036854775807}]'))
  t.strictSame(await listed(store), [token('long', NEVER)], "Java's Long.MAX_VALUE is never")
})

t.test(
  'an entry that cannot be read hides none of the others; it is counted, named by its place, and said once',
  async (t) => {
    const lines: string[] = []
    const logging = createLogging({ level: 'warn', format: 'json', stream: { write: (line) => lines.push(line) } })
    const hub = await startHub(t)
    const store = storeOf(t, hub, { logging })
    const bad = [
      null,
      's3cret',
      ['s3cret'],
      7,
      {},
      { jwt_signature: '' },
      { jwt_signature: null },
      { jwt_signature: {} },
    ]
    const long = { jwt_signature: 's3cret'.repeat(20_000) }
    const endless = { jwt_signature: 's3cret'.repeat(300_000) }
    const deep = JSON.parse('{"a":'.repeat(20) + 1 + '}'.repeat(20))
    const answer = {
      revokedJWTList: [
        ...bad.flatMap((entry, n) => [{ jwt_signature: `t${n}` }, entry]),
        long,
        endless,
        deep,
        { jwt_signature: 'last' },
      ],
      revokedJWTSubjectEntityList: [
        { entity_id: 's3cret', entity_type: 'PLANET', revocation_time: PAST },
        { entity_id: 's3cret', entity_type: 'USER_ID' },
        { entity_id: 'alice', entity_type: 'USER_ID', revocation_time: PAST },
      ],
      revokedJWTConsumerKeyList: [
        { consumer_key: 's3cret', revocation_time: 'soon' },
        null,
        { consumer_key: 'app', revocation_time: PAST },
      ],
    }
    const expected = [
      ...[...bad.keys()].map((n) => token(`t${n}`, undefined)),
      token('last', undefined),
      { kind: 'subject', id: 'alice', revokedBefore: PAST, expiresAt: undefined },
      { kind: 'client', id: 'app', revokedBefore: PAST, expiresAt: undefined },
    ]
    for (const shape of [answer, answer]) {
      hub.answer(json(shape))
      t.strictSame(await listed(store), expected)
    }
    t.strictSame(store.malformed?.(), {
      malformed: { 'not-an-object': 5, 'no-id': 4, 'too-long': 2, 'too-deep': 1, 'bad-subject': 1, 'bad-time': 2 },
      malformedAt: {
        'not-an-object': 'revokedJWTList[1]',
        'no-id': 'revokedJWTList[9]',
        'too-long': 'revokedJWTList[16]',
        'too-deep': 'revokedJWTList[18]',
        'bad-subject': 'revokedJWTSubjectEntityList[0]',
        'bad-time': 'revokedJWTSubjectEntityList[1]',
      },
    })
    t.equal(lines.length, 6, 'one line a reason')
    t.match(JSON.parse(lines[0] ?? ''), {
      level: 'warn',
      reason: 'not-an-object',
      count: 5,
      first: 'revokedJWTList[1]',
    })
    t.notMatch(lines.join('') + JSON.stringify(store.malformed?.()), /s3cret/)
    hub.answer(json([{ jwt_signature: 'only' }]))
    t.strictSame(await listed(store), [token('only', undefined)])
    t.equal(store.malformed?.(), undefined, 'what is not in the answer any more is not counted any more')
  },
)

t.test('an id that is a number is read as its digits, however many', async (t) => {
  const hub = await startHub(t)
  const store = storeOf(t, hub)
  hub.answer(text('[{"jwt_signature":12345},{"jwt_signature":12345678901234567890},{"jwt_signature":1.5}]'))
  t.strictSame(
    await listed(store),
    ['12345', '12345678901234567890', '1.5'].map((id) => token(id, undefined)),
  )
})

t.test('an answer that is broken somewhere is a failed listing, and what is good in it is taken', async (t) => {
  const hub = await startHub(t)
  const store = storeOf(t, hub)
  const broken = ['tru', '{"jwt_signature":tru}', '{]', '{"jwt_signature":"a" "b"}', '"\\x"', '01', '{"a":"\u0001"}']
  for (const element of broken) {
    hub.answer(text(`[{"jwt_signature":"before"},${element},{"jwt_signature":"after"}]`))
    const seen: string[] = []
    const error = await failure(
      (async () => {
        for await (const { id } of store.list(new AbortController().signal)) seen.push(id ?? '')
      })(),
    )
    t.match(error, { code: 'ERR_STORE_ANSWER' }, element)
    t.strictSame(seen, ['before', 'after'], element)
  }
})

t.test('an answer is read the same in whatever pieces it comes', async (t) => {
  const answer = JSON.stringify(
    {
      version: [1, { x: '"]}' }],
      'a "name"': -1.5e3,
      revokedJWTSubjectEntityList: null,
      revokedJWTList: [{ jwt_signature: 'a\\"]},{é€😀' }, null, 12, 'x', { jwt_signature: 'b', more: [[{}], 'y\\'] }],
      revokedJWTConsumerKeyList: [{ consumer_key: 'app', revocation_time: PAST }],
    },
    undefined,
    1,
  )
  const whole = await read([Buffer.from(answer)])
  t.same(whole.filter((element) => typeof element === 'object' && element !== null).length, 3)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), async (lengths) => {
      const bytes = Buffer.from(answer)
      const pieces: Buffer[] = []
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const length = lengths[n % lengths.length] ?? 1
        pieces.push(bytes.subarray(at, at + length))
        at += length
      }
      t.strictSame(await read(pieces), whole)
    }),
    { numRuns: 50 },
  )
})

t.test('a reader of any bytes yields what parseJson does, or fails with an error of its own', async (t) => {
  const entry = fc.oneof(
    fc.jsonValue(),
    fc.record({ jwt_signature: fc.string({ unit: 'grapheme' }), expiry_time: fc.nat() }),
  )
  const document = fc.array(entry).map((entries) => JSON.stringify(entries))
  const damage = fc.tuple(document, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([text, at, byte]) => {
    const bytes = Buffer.from(text)
    bytes[at % bytes.length] = byte
    return bytes
  })
  await fc.assert(
    fc.asyncProperty(fc.oneof(document.map(Buffer.from), damage, fc.uint8Array().map(Buffer.from)), async (bytes) => {
      let expected: unknown
      try {
        expected = parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
      } catch {
        expected = undefined
      }
      const outcome = await read([bytes]).catch((error: unknown) => error)
      if (Array.isArray(expected)) {
        if (JSON.stringify(expected).length < 10_000 && depthOf(expected) < 16) t.strictSame(outcome, expected)
      } else if (typeof expected !== 'object' || expected === null) t.match(outcome, { code: 'ERR_STORE_ANSWER' })
    }),
    { numRuns: 500 },
  )
})

t.test('the list is asked for at endpointURL + /revokedjwt with Basic credentials', async (t) => {
  const hub = await startHub(t)
  for (const slashes of ['', '/', '//']) {
    await listed(storeOf(t, { ...hub, url: hub.url + slashes }, { username: 'admin', password: new Secret('pä:ss') }))
  }
  await listed(storeOf(t, hub))
  const authorization = `Basic ${Buffer.from('admin:pä:ss').toString('base64')}`
  const asked = { method: 'GET', path: '/internal/data/v1/revokedjwt' }
  t.strictSame(hub.requests, [
    { ...asked, authorization },
    { ...asked, authorization },
    { ...asked, authorization },
    { ...asked, authorization: undefined },
  ])
})

t.test('anything but a whole 2xx of a documented shape is a failed listing', async (t) => {
  const cases: [string, string, string, number?][] = [
    ['credentials refused', '[]', 'ERR_STORE_CREDENTIALS', 401],
    ['an error', '[]', 'ERR_STORE_STATUS', 500],
    ['a redirect', '[]', 'ERR_STORE_STATUS', 302],
    ['an empty body', '', 'ERR_STORE_ANSWER'],
    ['a page', '<html>login</html>', 'ERR_STORE_ANSWER'],
    ['an object without the list', '{"error":"s3cret"}', 'ERR_STORE_ANSWER'],
    ['an empty object', '{}', 'ERR_STORE_ANSWER'],
    ['a list that is null', '{"revokedJWTList":null}', 'ERR_STORE_ANSWER'],
    ['a list that is an object', '{"revokedJWTList":{}}', 'ERR_STORE_ANSWER'],
    ['a list that is a string', '{"revokedJWTList":"s3cret"}', 'ERR_STORE_ANSWER'],
    ['another list that is none', '{"revokedJWTList":[],"revokedJWTConsumerKeyList":{}}', 'ERR_STORE_ANSWER'],
    ['a string', '"s3cret"', 'ERR_STORE_ANSWER'],
    ['null', 'null', 'ERR_STORE_ANSWER'],
    ['a truncated array', '[{"jwt_signature":"s3cret"}', 'ERR_STORE_ANSWER'],
    ['a truncated string', '[{"jwt_signature":"s3cr', 'ERR_STORE_ANSWER'],
    ['a truncated object', '{"revokedJWTList":[]', 'ERR_STORE_ANSWER'],
    ['a second document', '[][]', 'ERR_STORE_ANSWER'],
    ['half of a second document', '[]"s3cret', 'ERR_STORE_ANSWER'],
    ['a trailing comma', '[{"jwt_signature":"s3cret"},]', 'ERR_STORE_ANSWER'],
    ['deep nesting', '['.repeat(100_000), 'ERR_STORE_ANSWER'],
    ['an endless entry', `[{"jwt_signature":"${'s3cret'.repeat(300_000)}`, 'ERR_STORE_ANSWER'],
    ['endless members', `[{${'"s3cret":1,'.repeat(200_000)}`, 'ERR_STORE_ANSWER'],
    ['too many bytes', `[${'{"jwt_signature":"s3cret"},'.repeat(200_000)}`, 'ERR_STORE_UNREACHABLE'],
  ]
  const hub = await startHub(t)
  const store = storeOf(t, hub, { username: 'admin', password: new Secret('s3cret') })
  for (const [title, body, code, status] of cases) {
    hub.answer(text(body, status))
    const error = await failure(listed(store))
    t.match(error, { name: 'StoreError', code }, title)
    t.notMatch(messages(error), /s3cret/, `${title}: the error quotes nothing`)
  }
  hub.answer(json([{ jwt_signature: 'after' }]))
  t.strictSame(await listed(store), [token('after', undefined)], 'and the next listing works')
})

t.test('a body that is cut, a silent hub and one that is not there are failed listings', async (t) => {
  const hub = await startHub(t)
  hub.answer((response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('[{"jwt_signature":"cut"}', () => response.destroy())
  })
  t.match(await failure(listed(storeOf(t, hub))), { code: 'ERR_STORE_UNREACHABLE' })

  hub.answer((response) => {
    response.writeHead(200)
    response.write('[')
  })
  const silent = await failure(listed(storeOf(t, hub, { timeout: 100 })))
  t.match(silent, { code: 'ERR_STORE_UNREACHABLE' })
  t.match(messages(silent), /did not answer within 100 ms/)

  const nobody = { ...hub, url: 'http://127.0.0.1:1/internal/data/v1' }
  t.match(await failure(listed(storeOf(t, nobody))), { code: 'ERR_STORE_UNREACHABLE' })
})

t.test(
  'a hub that falls silent, before its answer or within, holds up the next listing for a while only',
  async (t) => {
    const hub = await startHub(t)
    const store = storeOf(t, hub, { idleTimeout: 50 })
    const silences: Record<string, HubAnswer> = {
      before: () => undefined,
      within: (response) => {
        response.writeHead(200)
        response.write('[{"jwt_signature":"first"},')
      },
    }
    for (const [where, silence] of Object.entries(silences)) {
      hub.answer(silence)
      const error = await failure(listed(store))
      t.match(error, { code: 'ERR_STORE_UNREACHABLE' }, where)
      t.match(messages(error), /sent nothing for \d+ ms/)
    }
    hub.answer(json([{ jwt_signature: 'after' }]))
    t.strictSame(await listed(store), [token('after', undefined)])
  },
)

t.test('a listing ends when its consumer or its caller does', async (t) => {
  const hub = await startHub(t)
  let closed: Promise<unknown> | undefined
  hub.answer((response) => {
    closed = new Promise((resolve) => response.once('close', resolve))
    response.writeHead(200)
    response.write('[{"jwt_signature":"first"},{')
  })
  for await (const record of storeOf(t, hub).list(new AbortController().signal)) {
    t.equal(record.id, 'first')
    break
  }
  await closed

  const caller = new AbortController()
  const reason = new Error('shutting down')
  const listing = storeOf(t, hub).list(caller.signal)[Symbol.asyncIterator]()
  t.match(await listing.next(), { value: { id: 'first' } })
  caller.abort(reason)
  t.equal(await failure(listing.next()), reason)
  await closed
})

t.test('TLS: the certificate must be of a known authority and of the host', async (t) => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'hub' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'hub.example' }] }],
  })
  const hub = await startHub(t, { cert, key })
  const attempts: [HttpClientOptions, boolean][] = [
    [{}, false],
    [{ ca: [cert] }, false],
    [{ ca: [cert], verifyHostname: false }, true],
    [{ verifyHostname: false }, false],
    [{ disableSslVerification: true }, true],
  ]
  for (const [tls, reached] of attempts) {
    const store = storeOf(t, hub, {}, tls)
    if (reached) t.strictSame(await listed(store), [])
    else t.match(await failure(listed(store)), { code: 'ERR_STORE_UNREACHABLE' })
  }
  const [plain, secure] = [(await startHub(t)).url.replace('http', 'https'), hub.url.replace('https', 'http')]
  const wrong: [url: string, message: RegExp][] = [
    [hub.url, /not from a trusted authority: name .* in tokenRevocationConfig\.persistent\.caFile$/],
    [plain, /does not speak TLS at this port: write http:\/\/ in tokenRevocationConfig\.persistent\.endpointURL/],
    [secure, /speaks TLS at this port: write https:\/\/ in tokenRevocationConfig\.persistent\.endpointURL/],
  ]
  for (const [url, message] of wrong) {
    t.match(await failure(listed(storeOf(t, { ...hub, url }))), { code: 'ERR_STORE_UNREACHABLE', message })
  }
})

t.test('a large list comes whole and in order, and other work gets its turns meanwhile', async (t) => {
  const count = 100_000
  const hub = await startHub(t)
  hub.answer(manyTokens(count))
  let turns = 0
  let counting: NodeJS.Immediate
  const turn = () => {
    turns++
    counting = setImmediate(turn)
  }
  counting = setImmediate(turn)
  t.teardown(() => clearImmediate(counting))
  let seen = 0
  let slowest = 0 // records between two turns: time would tell how busy the machine is
  let since = 0
  let before = turns
  for await (const record of storeOf(t, hub, { maxBytes: 1e9 }).list(new AbortController().signal)) {
    if (record.id !== tokenId(seen)) t.fail(`entry ${seen} is another`)
    seen++
    since = turns === before ? since + 1 : 0
    before = turns
    slowest = Math.max(slowest, since)
  }
  t.equal(seen, count)
  t.comment(`at most ${slowest} records without a turn`)
  t.ok(slowest < count / 4, 'no long stretch without a turn')
})

t.test('an answer that is no list says what it is, and nothing secret', async (t) => {
  const list = JSON.stringify([{ jwt_signature: 'm\u00fcller' }])
  const answer =
    (status: number, headers: Record<string, string>, body: string | Buffer = ''): HubAnswer =>
    (response) => {
      response.writeHead(status, headers)
      response.end(body)
    }
  const cases: [answer: HubAnswer, code: string, message: RegExp][] = [
    [
      answer(200, { 'content-type': 'text/html' }, '<!DOCTYPE html><title>Sign in</title>'),
      'ERR_STORE_ANSWER',
      /is an HTML page, such as a login page .* correct endpointURL, username or password/,
    ],
    [
      answer(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }, gzipSync(list)),
      'ERR_STORE_ANSWER',
      /is compressed \(gzip\)/,
    ],
    [answer(200, {}, gzipSync(list)), 'ERR_STORE_ANSWER', /is compressed \(gzip\)/],
    [answer(200, { 'content-encoding': 's3cret' }, 'x'), 'ERR_STORE_ANSWER', /is compressed \(an unknown coding\)/],
    [
      answer(302, { location: 'https://u:s3cret@sso.example/login?state=s3cret' }),
      'ERR_STORE_STATUS',
      /answered 302, a redirect to https:\/\/sso\.example, .*write the final URL in .*persistent\.endpointURL/,
    ],
    [answer(307, { location: '/moved?s3cret' }), 'ERR_STORE_STATUS', /a redirect to http:\/\/127\.0\.0\.1:\d+, /],
    [answer(301, { location: 's3cret:opaque' }), 'ERR_STORE_STATUS', /answered 301, a redirect, /],
    [answer(301, { location: 'http://s3cret_!(x)/' }), 'ERR_STORE_STATUS', /answered 301, a redirect, /],
    [
      answer(200, { 'content-type': 'application/json; charset=ISO-8859-1' }, Buffer.from(list, 'latin1')),
      'ERR_STORE_ANSWER',
      /is in the charset iso-8859-1: the hub must send UTF-8/,
    ],
    [answer(200, {}, Buffer.from(list, 'latin1')), 'ERR_STORE_ANSWER', /is not JSON in UTF-8/],
    [answer(200, {}, Buffer.from(list, 'utf16le')), 'ERR_STORE_ANSWER', /is in the charset UTF-16 or UTF-32/],
    [answer(200, {}, Buffer.from(`\ufeff${list}`, 'utf16le')), 'ERR_STORE_ANSWER', /is in the charset UTF-16/],
    [
      answer(401, {}),
      'ERR_STORE_CREDENTIALS',
      /rejected the user name or password: correct tokenRevocationConfig\.persistent\.username and password/,
    ],
    [answer(403, {}), 'ERR_STORE_CREDENTIALS', /this user may not read it/],
  ]
  const hub = await startHub(t)
  for (const [given, code, message] of cases) {
    hub.answer(given)
    const error = await failure(listed(storeOf(t, hub)))
    t.match(error, { code, message })
    t.notMatch(messages(error), /s3cret/)
  }
  hub.answer((response, { headers }) => {
    t.equal(headers['accept-encoding'], 'identity')
    response.writeHead(200, { 'content-type': 'application/json; charset=ISO-8859-1' })
    response.end('[{"jwt_signature":"ascii"}]')
  })
  t.strictSame(await listed(storeOf(t, hub)), [token('ascii', undefined)], 'ASCII is the same in both')
})

t.test('an invalid endpointURL is refused at once', async (t) => {
  const client = createHttpClient()
  t.teardown(() => client.destroy())
  for (const endpointUrl of ['', 'localhost:9443', 'ftp://localhost/x']) {
    t.throws(() => eventHubStore({ endpointUrl, client, timeout: 1, maxBytes: 1 }), { code: 'ERR_STORE_CONFIG' })
  }
})

/** The elements of an answer that arrives in these pieces. */
async function read(pieces: readonly Buffer[]): Promise<unknown[]> {
  async function* body() {
    yield* pieces
  }
  const elements: unknown[] = []
  const places: Record<string, number> = {}
  for await (const batch of readHubAnswer(body())) {
    for (const each of batch) {
      if (each.from < (places[each.list] ?? 0)) throw new Error('an element has another place')
      places[each.list] = each.from + ('problem' in each ? 1 : each.values.length)
      elements.push(...('problem' in each ? [each.problem] : each.values))
    }
  }
  return elements
}

function depthOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
}

interface Settings {
  username?: string
  password?: Secret
  timeout?: number
  idleTimeout?: number
  maxBytes?: number
  logging?: Logging
}

function storeOf(t: Test, hub: HubStandIn, settings: Settings = {}, tls: HttpClientOptions = {}): PersistentStore {
  const client = createHttpClient(tls)
  t.teardown(() => client.destroy())
  return eventHubStore({ endpointUrl: hub.url, client, timeout: 30_000, maxBytes: 4 * 1024 * 1024, ...settings })
}

function token(id: string, expiresAt: number | undefined): RevocationRecord {
  return { kind: 'token', id, expiresAt }
}

async function listed(store: PersistentStore): Promise<RevocationRecord[]> {
  const records: RevocationRecord[] = []
  for await (const record of store.list(new AbortController().signal)) records.push(record)
  return records
}

async function failure(attempt: Promise<unknown>): Promise<unknown> {
  try {
    await attempt
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

function messages(error: unknown): string {
  return error instanceof Error ? `${error.message} ${messages(error.cause)}` : String(error ?? '')
}
