import fc from 'fast-check'
import t from 'tap'
import { readProxyHeader } from '../../../src/server/listeners/proxy-header.js'

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'
const binary = (command: number, transport: number, rest: readonly number[], length = rest.length) =>
  Buffer.concat([Buffer.from(SIGNATURE, 'latin1'), Buffer.of(command, transport, length >> 8, length & 0xff, ...rest)])
const V4 = [192, 0, 2, 1, 10, 0, 0, 1, 0x1f, 0x90, 0, 80]
const V6 = [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1, ...Array<number>(16).fill(0), 0, 1, 0, 2]
const TLV = [0x20, 0, 3, 1, 2, 3]
const line = (text: string) => Buffer.from(`${text}\r\n`, 'latin1')

const HEADERS: readonly [name: string, bytes: Buffer, address: string | undefined][] = [
  ['TCP4', line('PROXY TCP4 192.0.2.1 10.0.0.1 56324 443'), '192.0.2.1'],
  ['TCP6', line('PROXY TCP6 2001:db8::1 ::1 56324 443'), '2001:db8::1'],
  ['UNKNOWN', line('PROXY UNKNOWN'), undefined],
  ['UNKNOWN with more', line('PROXY UNKNOWN ffff::1 ffff::2 1 2'), undefined],
  ['version 2, IPv4', binary(0x21, 0x11, V4), '192.0.2.1'],
  ['version 2, IPv4 with TLVs', binary(0x21, 0x11, [...V4, ...TLV]), '192.0.2.1'],
  ['version 2, IPv6', binary(0x21, 0x21, V6), '2001:db8::1'],
  ['LOCAL', binary(0x20, 0, []), undefined],
  ['LOCAL with an address', binary(0x20, 0x11, V4), undefined],
  ['UNSPEC', binary(0x21, 0, TLV), undefined],
  ['a Unix socket', binary(0x21, 0x31, Array<number>(216).fill(0)), undefined],
]

const MALFORMED: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['TLS', Buffer.of(0x16, 3, 1, 0)],
  ['line ends', Buffer.from('\r\nGET / HTTP/1.1\r\n')],
  ...[
    'PROXY TCP4 192.0.2.1 10.0.0.1 56324',
    'PROXY TCP4 192.0.2.1 10.0.0.1 56324 443 1',
    'PROXY TCP4 192.0.2.1 10.0.0.1 056324 443',
    'PROXY TCP4 192.0.2.1 10.0.0.1 65536 443',
    'PROXY TCP4 192.0.2.256 10.0.0.1 1 443',
    'PROXY TCP4 2001:db8::1 ::1 1 443',
    'PROXY TCP6 192.0.2.1 10.0.0.1 1 443',
    'PROXY  TCP4 192.0.2.1 10.0.0.1 1 443',
    'PROXY TCP4 192.0.2.1 10.0.0.1 1 443\n',
    'PROXY UNKNOWNS',
    'proxy UNKNOWN',
    `PROXY UNKNOWN ${'a'.repeat(107)}`,
  ].map((text) => [text, line(text)] as const),
  ['a line without end', Buffer.from(`PROXY ${'a'.repeat(200)}`)],
  ['another version', binary(0x11, 0x11, V4)],
  ['another command', binary(0x22, 0x11, V4)],
  ['another family', binary(0x21, 0x41, V4)],
  ['another protocol', binary(0x21, 0x13, V4)],
  ['half an address', binary(0x21, 0x11, V4.slice(0, 8))],
  ['an IPv4 address for IPv6', binary(0x21, 0x21, V4)],
  ['too long', binary(0x21, 0x11, [], 5_000)],
]

t.test('headers are read, whatever follows them, and are incomplete before', async (t) => {
  for (const [name, bytes, address] of HEADERS) {
    const expected = { kind: 'header', length: bytes.length, ...(address === undefined ? {} : { address }) }
    t.strictSame(readProxyHeader(Buffer.concat([bytes, Buffer.from('GET / HTTP/1.1\r\n')])), expected, name)
    for (let length = 0; length < bytes.length; length++) {
      t.equal(readProxyHeader(bytes.subarray(0, length)).kind, 'incomplete', `${name}: ${length} bytes`)
    }
  }
})

t.test('what is no header is malformed', async (t) => {
  for (const [name, bytes] of MALFORMED) t.equal(readProxyHeader(bytes).kind, 'malformed', name)
})

t.test('any bytes are read, and no more of them than there are', async (t) => {
  const begun = fc.constantFrom(Buffer.alloc(0), Buffer.from(SIGNATURE, 'latin1'), Buffer.from('PROXY TCP4 '))
  fc.assert(
    fc.property(begun, fc.uint8Array({ maxLength: 300 }), (head, rest) => {
      const bytes = Buffer.concat([head, rest])
      const header = readProxyHeader(bytes)
      return header.kind !== 'header' || header.length <= bytes.length
    }),
  )
  t.pass()
})
