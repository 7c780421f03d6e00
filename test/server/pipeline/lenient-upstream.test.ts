// An upstream that reads paths leniently behind a gateway that does not: whatever the spelling, nobody gets to a secured
// resource without a token, and what arrives is byte for byte what the route was chosen by.
import type { RequestListener } from 'node:http'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { accessToken, gatewayInProcess } from '../../support/gateway-in-process.js'
import { exchangeRaw, httpServer } from '../../support/servers.js'

const DEFINITION = (upstream: string) => `openapi: 3.0.3
info: { title: Shop, version: '1.0' }
x-wso2-basePath: /shop/{version}
x-wso2-endpoints:
  - main: { urls: ['${upstream}/main'] }
  - own: { urls: ['${upstream}/own'] }
x-wso2-production-endpoints: '#/x-wso2-endpoints/main'
paths:
  /secret: { get: { responses: {} } }
  /item/{id}: { get: { responses: {} } }
  /item/{id}/secret: { get: { responses: {} } }
  /item/catalogue: { get: { x-wso2-disable-security: true, responses: {} } }
  /item/{id}/photo: { get: { x-wso2-disable-security: true, responses: {} } }
  /open: { get: { x-wso2-disable-security: true, responses: {} } }
  /open/{name}: { get: { x-wso2-disable-security: true, responses: {} } }
  /open/admin: { get: { responses: {} } }
  /own/{name}:
    get: { x-wso2-disable-security: true, x-wso2-production-endpoints: '#/x-wso2-endpoints/own', responses: {} }
  /own/{name}/keys:
    get: { x-wso2-production-endpoints: { urls: ['${upstream}/elsewhere'] }, responses: {} }
`

/** What is open, as the upstream would say it. */
const OPEN = [
  /^\/main\/item\/catalogue$/,
  /^\/main\/item\/[^/]+\/photo$/,
  /^\/main\/open$/,
  /^\/main\/open\/(?!admin$)[^/]+$/,
  /^\/own\/own\/[^/]+$/,
]
/** What is declared as secured. */
const SECURED = [
  /^\/main\/secret$/,
  /^\/main\/item\/(?!catalogue$)[^/]+$/,
  /^\/main\/item\/[^/]+\/secret$/,
  /^\/main\/open\/admin$/,
  /^\/own\/own\/[^/]+\/keys$/,
]
/** How a path may be spelt for a reader that is not strict. */
const SEEDS = [
  '/secret',
  '/item/1',
  '/item/1/secret',
  '/item/catalogue',
  '/item/1/photo',
  '/open',
  '/open/a',
  '/open/admin',
  '/own/a',
  '/own/a/keys',
]
const INSERTED = [
  ...['/', '//', '/./', '/../', '/..', '/.', '\\', '\\..\\', ';', ';a=b', '/..;/', '.', '..'],
  ...[
    '%2f',
    '%2F',
    '%5c',
    '%2e',
    '%2e%2e/',
    '/%2e%2e/',
    '..%2f',
    '%252f',
    '%252e',
    '%3b',
    '%3f',
    '%23',
    '?',
    '#',
    '%00',
  ],
  ...['%c0%af', '%u002f', '%', '%zz', '%20', 'admin', 'secret', '/secret', '/../secret', '..%2fsecret', '/photo'],
]

/** What a whole segment may be replaced by. */
const SEGMENTS = [
  '..',
  '.',
  '%2e%2e',
  '.%2E',
  '%2e',
  '..;',
  '..;x',
  '%2e%2e%3b',
  '..%3f',
  '..%00',
  '%252e%252e',
  ...['', '%'],
]
const NAMES = [
  'admin',
  '%61dmin',
  'admi%6E',
  'admin%3fx',
  'admin%23',
  'admin;',
  '%73ecret',
  'catalogue',
  'photo',
  'keys',
]

/** Every reading that some server is known for, and all of them at once, but for an escaped `?` or `#` that ends a path. */
const READINGS: readonly ((path: string) => string)[] = [
  (path) => resolve(path),
  (path) => resolve(decoded(path)),
  (path) => decoded(resolve(path)),
  (path) => resolve(withoutParameters(path)),
  (path) => resolve(withoutParameters(decoded(path))),
  (path) => resolve(path.replaceAll('\\', '/')),
  (path) => resolve(decoded(path).replaceAll('\\', '/')),
  (path) => resolve(withoutParameters(decoded(decoded(decoded(path))).replaceAll('\\', '/'))),
]
/** The same, ended at an escaped `?` or `#`: what is not declared may come of it, nothing that is secured. */
const SHORTENED = READINGS.map((read) => (path: string) => resolve(cut(decoded(read(path)))))

function decoded(path: string): string {
  const bytes = path
    .replace(/%u00([0-9a-f]{2})/gi, '%$1')
    .replace(/%c0%a([ef])/gi, '%2$1')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return bytes.split('\0', 1)[0] ?? ''
}

function cut(path: string): string {
  return path.split(/[?#]/, 1)[0] ?? ''
}

function withoutParameters(path: string): string {
  return path.replace(/;[^/]*/g, '')
}

/** Dot segments, empty segments and the slash at the end go. */
function resolve(path: string): string {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}`
}

/** Answers with the target that it was sent. */
const echo: RequestListener = (req, res) => void res.end(req.url)

async function shop(t: Test) {
  const { origin } = await httpServer(t, echo)
  const { httpPort } = await gatewayInProcess(t, DEFINITION(origin))
  /** The target that the upstream saw; `undefined`: it saw none. */
  return async (target: string, token?: string): Promise<{ status: number; seen: string | undefined }> => {
    const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`
    const answer = await exchangeRaw(
      httpPort,
      `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${authorization}\r\n`,
    )
    const status = Number(answer.split(' ', 2)[1])
    return { status, seen: status === 200 ? answer.slice(answer.indexOf('\r\n\r\n') + 4) : undefined }
  }
}

t.test('open resources need no token, secured ones do, and each goes to its own endpoint', async (t) => {
  const ask = await shop(t)
  const token = await accessToken()
  const cases: [path: string, seen: string, open: boolean][] = [
    ['/secret', '/main/secret', false],
    ['/item/1', '/main/item/1', false],
    ['/item/1/secret', '/main/item/1/secret', false],
    ['/item/catalogue', '/main/item/catalogue', true],
    ['/item/a%20b/photo', '/main/item/a%20b/photo', true],
    ['/open/a?b=/../secret', '/main/open/a?b=/../secret', true],
    ['/open/admin', '/main/open/admin', false],
    ['/own/a', '/own/own/a', true],
    ['/own/a/keys', '/elsewhere/own/a/keys', false],
  ]
  for (const [path, seen, open] of cases) {
    t.match(await ask(`/shop/1.0${path}`), open ? { status: 200, seen } : { status: 401 }, path)
    t.match(await ask(`/shop/1.0${path}`, token), { status: 200, seen }, `${path} with a token`)
  }
})

t.test('no spelling of a secured resource gets there without a token', async (t) => {
  const ask = await shop(t)
  const token = await accessToken()
  const [base, rest] = ['/shop/1.0', fc.nat()]
  const mutation = fc.record({ at: rest, text: fc.constantFrom(...INSERTED), replaced: fc.constantFrom(0, 0, 1, 3) })
  const escaped = fc.record({ at: rest, twice: fc.boolean() })
  const segment = fc.record({ at: rest, text: fc.constantFrom(...SEGMENTS, ...NAMES) })
  const path = fc
    .record({
      seed: fc.constantFrom(...SEEDS),
      segments: fc.array(segment, { maxLength: 2 }),
      mutations: fc.array(mutation, { maxLength: 2 }),
      escapes: fc.array(escaped, { maxLength: 2 }),
      whole: fc.boolean(),
    })
    .map(({ seed, segments, mutations, escapes, whole }) => {
      const parts = seed.split('/')
      for (const { at, text } of segments) parts[1 + (at % (parts.length - 1))] = text
      let text = base + parts.join('/')
      const from = whole ? 1 : base.length
      const place = (at: number) => from + (at % (text.length - from + 1))
      for (const { at, text: inserted, replaced } of mutations) {
        text = text.slice(0, place(at)) + inserted + text.slice(place(at) + replaced)
      }
      for (const { at, twice } of escapes) {
        const here = place(at)
        const code = text.charCodeAt(here)
        if (code > 0) text = `${text.slice(0, here)}%${twice ? '25' : ''}${code.toString(16)}${text.slice(here + 1)}`
      }
      return text
    })
  const counts = { open: 0, secured: 0 }
  const property = fc.asyncProperty(path, async (target) => {
    const without = await ask(target)
    if (without.status === 400) return true // paths are read before tokens are
    const withToken = await ask(target, token)
    if (withToken.seen !== undefined) {
      // Router and upstream see the same bytes: what follows the base path, behind one of the endpoints' paths.
      const bytes = target.slice(base.length)
      const seen = withToken.seen
      if (!['/main', '/own', '/elsewhere'].some((endpoint) => seen === endpoint + bytes)) return false
    }
    if (without.seen === undefined) {
      if (withToken.seen !== undefined) counts.secured++
      return true
    }
    counts.open++
    const [sent = ''] = without.seen.split('?', 1)
    return (
      READINGS.every((read) => OPEN.some((open) => open.test(read(sent)))) &&
      SHORTENED.every((read) => !SECURED.some((secured) => secured.test(read(sent))))
    )
  })
  await t.resolves(fc.assert(property, { numRuns: 1_500 }))
  t.comment(`${counts.open} spellings went through without a token, ${counts.secured} with one only`)
  t.ok(counts.open > 10 && counts.secured > 10, 'the spellings are not all refused')
})

const FOLDED = (upstream: string) => `openapi: 3.0.3
info: { title: Folded, version: '1.0' }
x-wso2-basePath: /f
x-wso2-production-endpoints: { urls: ['${upstream}'] }
components: { securitySchemes: { o: { type: oauth2, flows: { clientCredentials: { tokenUrl: 'https://x/', scopes: { admin: a } } } } } }
paths:
  /open/*: { get: { x-wso2-disable-security: true, responses: {} } }
  /open/admin: { get: { responses: {} } }
  /open/root: { get: { security: [{ o: [admin] }], responses: {} } }
  /{x}: { get: { responses: {} } }
  /admin: { get: { security: [{ o: [admin] }], responses: {} } }
`

t.test('an upstream that folds paths serves nobody without what the folded path asks for', async (t) => {
  const { origin } = await httpServer(t, echo)
  const { http } = await gatewayInProcess(t, FOLDED(origin))
  const [token, admin] = [await accessToken(), await accessToken({ scope: 'admin' })]
  const cases: [path: string, nobody: number, anybody: number, admin: number][] = [
    ['/open/a', 200, 200, 200],
    ['/open/administration', 200, 200, 200],
    ['/open/admin/', 401, 200, 200],
    ['/open/ADMIN.json', 401, 200, 200],
    ['/open/admin%20', 401, 200, 200],
    ['/open/Root', 401, 403, 200],
    ['/open/.../a', 400, 400, 400],
    ['/other', 401, 200, 200],
    ['/ADMIN', 401, 403, 200],
    ['/admin.html', 401, 403, 200],
    ['/admin.smith', 401, 200, 200],
  ]
  for (const [path, nobody, anybody, scoped] of cases) {
    const status = async (bearer?: string) =>
      (await fetch(`${http}/f${path}`, { headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` } }))
        .status
    t.same([await status(), await status(token), await status(admin)], [nobody, anybody, scoped], path)
  }
})
