import { Duplex } from 'node:stream'
import t from 'tap'
import { AddressList } from '../../src/proxy/client-address.js'
import { Forwarding, type ForwardingOptions } from '../../src/proxy/forwarding.js'

const connection = (remoteAddress: string, encrypted = false) =>
  Object.assign(new Duplex(), { remoteAddress, encrypted })
const ALL: ForwardingOptions['headers'] = [
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'Forwarded',
  'Via',
]
const NOTHING: ReadonlySet<string> = new Set()
const request = (rawHeaders: readonly string[], httpVersion = '1.1') => ({ httpVersion, headers: {}, rawHeaders })
const forwarding = (headers = ALL, proxies: readonly string[] = []) =>
  new Forwarding({ headers, trustedProxies: new AddressList(proxies) })

const FROM_PROXY = [
  ...['Host', 'a.example:8080', 'X-Forwarded-For', '192.0.2.1, 198.51.100.7', 'X-Forwarded-Proto', 'https'],
  ...['X-Forwarded-Host', 'shop.example', 'Forwarded', 'for=192.0.2.1', 'Via', '1.0 edge', 'X-Real-IP', '192.0.2.1'],
]

t.test('upstreams are told of the client, and not what it says of itself', async (t) => {
  t.strictSame(forwarding().requestHeaders(request(FROM_PROXY), connection('203.0.113.9', true), NOTHING), [
    ...['X-Forwarded-For', '203.0.113.9', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'a.example:8080'],
    ...['Forwarded', 'for=203.0.113.9;proto=https;host="a.example:8080"', 'Via', '1.0 edge, 1.1 mgw'],
  ])
})

t.test('what a trusted proxy says is appended to, or kept', async (t) => {
  const told = forwarding(ALL, ['10.0.0.0/8'])
  t.strictSame(told.requestHeaders(request(FROM_PROXY), connection('::ffff:10.0.0.1'), NOTHING), [
    ...['X-Real-IP', '192.0.2.1', 'X-Forwarded-For', '192.0.2.1, 198.51.100.7, 10.0.0.1', 'X-Forwarded-Proto', 'https'],
    ...[
      'X-Forwarded-Host',
      'shop.example',
      'Forwarded',
      'for=192.0.2.1, for=10.0.0.1;proto=http;host="a.example:8080"',
    ],
    ...['Via', '1.0 edge, 1.1 mgw'],
  ])
})

t.test('a trusted proxy that says nothing is the client', async (t) => {
  const told = forwarding(ALL, ['10.0.0.1'])
  t.strictSame(told.requestHeaders(request(['Host', 'a']), connection('10.0.0.1'), NOTHING), [
    ...['X-Forwarded-For', '10.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'a'],
    ...['Forwarded', 'for=10.0.0.1;proto=http;host="a"', 'Via', '1.1 mgw'],
  ])
})

t.test('headers that are not set are dropped, and those of trusted proxies pass as they came', async (t) => {
  t.strictSame(forwarding([]).requestHeaders(request(FROM_PROXY), connection('203.0.113.9'), NOTHING), [
    'Via',
    '1.0 edge',
  ])
  t.strictSame(
    forwarding([], ['203.0.113.9']).requestHeaders(request(FROM_PROXY), connection('203.0.113.9'), NOTHING),
    [
      ...['X-Real-IP', '192.0.2.1', 'X-Forwarded-For', '192.0.2.1, 198.51.100.7', 'X-Forwarded-Proto', 'https'],
      ...['X-Forwarded-Host', 'shop.example', 'Forwarded', 'for=192.0.2.1', 'Via', '1.0 edge'],
    ],
  )
})

t.test('an IPv6 address is in brackets and quotes where RFC 7239 asks for them', async (t) => {
  const headers = forwarding().requestHeaders(request([]), connection('2001:db8::1'), NOTHING)
  t.strictSame(headers, [
    ...['X-Forwarded-For', '2001:db8::1', 'X-Forwarded-Proto', 'http'],
    ...['Forwarded', 'for="[2001:db8::1]";proto=http', 'Via', '1.1 mgw'],
  ])
})

t.test('Via names the version that the request came over', async (t) => {
  for (const [version, via] of [
    ['1.0', '1.0 mgw'],
    ['2.0', '2 mgw'],
  ] as const) {
    t.strictSame(forwarding(['Via']).requestHeaders(request([], version), connection('::1'), NOTHING), ['Via', via])
  }
})

t.test('Connection cannot remove what the gateway tells', async (t) => {
  const raw = ['Connection', 'X-Forwarded-For, Via, Forwarded', 'Host', 'a']
  const names = forwarding()
    .requestHeaders(request(raw), connection('192.0.2.1'), NOTHING)
    .filter((_, i) => i % 2 === 0)
  t.strictSame(names, ALL)
})
