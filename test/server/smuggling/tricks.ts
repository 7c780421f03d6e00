/** Bytes of a client, the statuses that they are answered with (none: closed), and what the upstream sees of them. */
export interface Trick {
  readonly name: string
  readonly bytes: string
  readonly status: string
  readonly seen?: readonly string[]
}

const post = (headers: string, body: string) =>
  `POST /api/open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n\r\n${body}`
/** A POST with a chunked body, as the last request of its connection. */
export const chunked = (body: string) => post('Transfer-Encoding: chunked', body)
const get = (headers: string, target = '/api/open', version = 'HTTP/1.1') =>
  `GET ${target} ${version}\r\n${headers}Connection: close\r\n\r\n`
const asChunks = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
const printed = (name: string, text: string) => `${name} ${JSON.stringify(text)}`
/** A request that only a token opens which is revoked, below the gateway's and the upstream's paths. */
const secret = (revoked: string, path = '/secret') =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${revoked}\r\n\r\n`

/** How a coding may be spelt such that one server sees it and another does not. */
const CODINGS = [
  ...['xchunked', 'chunked, identity', 'identity, chunked', 'identity', 'chunked, chunked', '"chunked"', "'chunked'"],
  ...['chunked;q=1', 'gzip, chunked', '', ',chunked', 'chunked,', '\x0bchunked', 'chunked\x0b', '\0chunked'],
  ...[
    'chunked\xa0',
    '\r\n chunked',
    'chu\r\n nked',
    'cow\r\nTransfer-Encoding: chunked',
    'chunked\r\nTransfer-Encoding: x',
  ],
  ...['chunked\r\nTransfer-Encoding: chunked'],
].map((value) => `Transfer-Encoding: ${value}`)
const CODING_NAMES = [
  ...[
    'Transfer-Encoding :',
    'Transfer-Encoding\t:',
    'Transfer-Encoding\x0b:',
    'Transfer-Encoding\0:',
    ' Transfer-Encoding:',
  ],
  ...['\tTransfer-Encoding:', 'X: x\nTransfer-Encoding:', 'X: x\rTransfer-Encoding:', 'X: x\r\n Transfer-Encoding:'],
  ...[
    'Transfer-Encod\xefng:',
    'Transfer-Encoding',
    'Transfer-Encoding;:',
    'Transfer\r\n-Encoding:',
    '\nTransfer-Encoding:',
  ],
].map((name) => `${name} chunked`)
/** Plain, but beside a length. */
const BESIDE_LENGTH = ['chunked', '\tchunked', 'chunked ', 'CHUNKED'].map((value) => `Transfer-Encoding: ${value}`)
const LENGTHS = [
  ...[
    '5\r\nContent-Length: 6',
    '5\r\nContent-Length: 5',
    '5, 5',
    '5, 6',
    '+5',
    '-5',
    '0x5',
    '5 5',
    '5\0',
    '',
    '5_0',
    '1e1',
  ],
  ...['5.0', '99999999999999999999999', '\xb25', '5\r\n 0', '"5"', '\x0b5', '5;', '5,'],
].map((value) => `Content-Length: ${value}`)
const LENGTH_NAMES = ['Content-Length : 5', 'X: x\nContent-Length: 5', '\tContent-Length: 5', 'Content-Length\0: 5']
/** Chunks: TERM.EXT, EXT.TERM, sizes, line ends. */
const CHUNKS = [
  ...[
    '5\nhello\r\n0\r\n\r\n',
    '5\r\nhello\n0\r\n\r\n',
    '5\r\nhello\r\n0\n\n',
    '5\r\nhello\r\n0\r\n\n',
    '5\r\nhello\r\n0\n\r\n',
  ],
  ...[
    '5;\nhello\r\n0\r\n\r\n',
    '5;\n5\r\nhello\r\n0\r\n\r\n',
    '5;a\nxx\r\nhello\r\n0\r\n\r\n',
    '5;a\rxx\r\nhello\r\n0\r\n\r\n',
  ],
  ...[
    '5\rhello\r\n0\r\n\r\n',
    '5\r\nhello\r0\r\n\r\n',
    '5\r\nhello0\r\n\r\n',
    '5\r\nhelloXX0\r\n\r\n',
    '5;a="\r\n"\r\nhello\r\n0\r\n\r\n',
  ],
  ...['0x5\r\nhello\r\n0\r\n\r\n', '+5\r\nhello\r\n0\r\n\r\n', '-5\r\nhello\r\n0\r\n\r\n', ' 5\r\nhello\r\n0\r\n\r\n'],
  ...[
    '5 \r\nhello\r\n0\r\n\r\n',
    '5\t\r\nhello\r\n0\r\n\r\n',
    '5 ;a\r\nhello\r\n0\r\n\r\n',
    '5_\r\nhello\r\n0\r\n\r\n',
  ],
  ...[
    '10000000000000005\r\nhello\r\n0\r\n\r\n',
    '\r\n5\r\nhello\r\n0\r\n\r\n',
    ';\r\nhello\r\n0\r\n\r\n',
    '5;\0\r\nhello\r\n0\r\n\r\n',
  ],
  ...[
    '5\0\r\nhello\r\n0\r\n\r\n',
    '5\r\nhello\r\n0\r\n x: y\r\n\r\n',
    '5\r\nhello\r\n0\r\nX : y\r\n\r\n',
    '5\r\nhello\r\n0\r\nX: y\n\n',
  ],
]
const HEADERS = [
  ...[
    '',
    'Host: x\r\nHost: y\r\n',
    'Host: x\r\nHost: x\r\n',
    'Host: x, y\r\n',
    'Host: x y\r\n',
    'Host: x/y\r\n',
    'Host: a@b\r\n',
  ],
  ...[
    'Host : x\r\n',
    'Host: x\nHost: y\r\n',
    ' Host: x\r\n',
    '\tX: y\r\nHost: x\r\n',
    'host_: x\r\n',
    'Host: \xff\r\n',
    'Host: x,y\r\n',
  ],
  ...[
    'Host: x\r\nX: a\r\n b\r\n',
    'Host: x\r\nX: a\rb\r\n',
    'Host: x\r\nX: a\0b\r\n',
    'Host: x\r\nX\0: a\r\n',
    'Host: x\r\nX: a\nY: b\r\n',
  ],
  ...[
    'Host: x\r\nX y: a\r\n',
    'Host: x\r\nX\r\n',
    'Host: x\r\n: a\r\n',
    'Host: x\r\nX: a\x7f\r\n',
    'Host: x\r\n(X): a\r\n',
    'Host: x\n',
  ],
  ...[
    'Host: x\r\n\r\r\n',
    'Host: x\r\nX: a\n\nGET / HTTP/1.1\r\n',
    'Host: x\r\nX\x0b: a\r\n',
    'Host: x\r\nX: a\x0c\r\n',
  ],
]
const TARGETS = [
  ...[
    'http://y/api/open',
    'http://u:p@x/api/open',
    'x:80',
    'x',
    '*',
    '/api/open HTTP/1.1\r\nX: y\r\n\r\nGET /api/secret',
    '@x/api/open',
  ],
  ...[
    '/api/open HTTP/1.1 HTTP/1.1',
    '/api/open\t',
    '//api/open',
    '/api/open\0',
    'http:/api/open',
    'http:///api/open',
    '?x',
    '',
  ],
  ...[
    'ftp://x/api/open',
    '/api/open#/api',
    '/api/open\\',
    '/api/open?a=b#c',
    '/api/open?\n',
    'http://x\\@y/api/open',
    '//x/api/open',
  ],
]
const VERSIONS = [
  'HTTP/1.2',
  'HTTP/1.10',
  'HTTP/1',
  'http/1.1',
  'XTTP/1.1',
  'HTTP/1.1 ',
  'HTTP/1.1\t',
  '',
  'HTTP/1.1\n',
  'HTTP/3.0',
]
const METHODS = ['get', 'G ET', 'GE\tT', 'GET\0', ' GET', 'FOO', 'PRI', 'GET\r\n']

/** What must reach no upstream. */
export function refused(revoked: string): Trick[] {
  const inside = secret(revoked)
  const tricks: Trick[] = [
    {
      name: 'CL.TE',
      bytes: post(`Content-Length: ${inside.length + 5}\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${inside}`),
      status: '400',
    },
    { name: 'TE.CL', bytes: post('Transfer-Encoding: chunked\r\nContent-Length: 4', asChunks(inside)), status: '400' },
    {
      name: '0.CL',
      bytes: post(`Content-Length: 0\r\nContent-Length: ${inside.length}`, inside),
      status: '400',
    },
    {
      name: 'a coding in HTTP/1.0',
      bytes: `POST /api/open HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${asChunks(inside)}`,
      status: '400',
    },
    { name: 'a tunnel', bytes: `CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n${inside}`, status: '' },
    { name: 'HTTP/2 without TLS', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: '400' },
    { name: 'a trailer section that goes on', bytes: chunked(`5\r\nhello\r\n0\r\nX: y\r\n${inside}`), status: '' },
    { name: 'a length in a trailer', bytes: chunked('5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n'), status: '' },
    {
      name: 'a coding in a trailer',
      bytes: chunked('5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'),
      status: '',
    },
    { name: 'a long chunk extension', bytes: chunked(`5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`), status: '' },
  ]
  for (const header of [...CODINGS, ...CODING_NAMES, ...BESIDE_LENGTH]) {
    const bytes = post(`${header}\r\nContent-Length: ${asChunks(inside).length}`, asChunks(inside))
    tricks.push({ name: printed('TE.TE with a length', header), bytes, status: '400' })
    if (BESIDE_LENGTH.includes(header)) continue
    tricks.push({ name: printed('TE.TE', header), bytes: post(header, asChunks(inside)), status: '400' })
  }
  for (const header of [...LENGTHS, ...LENGTH_NAMES]) {
    tricks.push({ name: printed('a length', header), bytes: post(header, 'hello'), status: '400' })
  }
  for (const body of CHUNKS) tricks.push({ name: printed('chunks', body), bytes: chunked(body), status: '' })
  for (const headers of HEADERS) tricks.push({ name: printed('headers', headers), bytes: get(headers), status: '400' })
  for (const target of TARGETS) {
    tricks.push({ name: printed('a target', target), bytes: get('Host: x\r\n', target), status: '400' })
  }
  for (const version of VERSIONS) {
    tricks.push({ name: printed('a version', version), bytes: get('Host: x\r\n', '/api/open', version), status: '400' })
  }
  for (const version of ['HTTP/0.9', 'HTTP/2.0']) {
    tricks.push({ name: version, bytes: get('Host: x\r\n', '/api/open', version), status: '505' })
  }
  for (const method of METHODS) {
    tricks.push({ name: printed('a method', method), bytes: get('Host: x\r\n').replace('GET', method), status: '400' })
  }
  return tricks
}

/** What reaches the upstream, read as `seen` says. */
export function forwarded(revoked: string): Trick[] {
  const inside = secret(revoked)
  const hello = (name: string, bytes: string): Trick => ({ name, bytes, status: '200', seen: ['POST /open hello'] })
  const plain = (name: string, bytes: string): Trick => ({ name, bytes, status: '200', seen: ['GET /open'] })
  const asBody = (name: string, bytes: string): Trick => ({
    name,
    bytes,
    status: '200',
    seen: [`POST /open ${inside}`],
  })
  const tricks: Trick[] = [
    asBody('CL.0: a body that is a request', post(`Content-Length: ${inside.length}`, inside)),
    ...['chunked', '\tchunked', 'chunked ', 'CHUNKED'].map((value) =>
      asBody(printed('a coding', value), post(`Transfer-Encoding: ${value}`, asChunks(inside))),
    ),
    asBody(
      'Connection names the coding',
      post('Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked', asChunks(inside)),
    ),
    asBody(
      'Connection names the length',
      post(`Connection: Content-Length\r\nContent-Length: ${inside.length}`, inside),
    ),
    hello('a coding spelt with _', post('Transfer_Encoding: chunked\r\nContent-Length: 5', 'hello')),
    hello('a length spelt with _', post('Content_Length: 50\r\nContent-Length: 5', 'hello')),
    hello('a length with zeros', post('Content-Length: 005', 'hello')),
    hello('a length with blanks', post('Content-Length: \t5 ', 'hello')),
    hello('a chunk extension', chunked('5;a=b\r\nhello\r\n0;c=d\r\n\r\n')),
    hello('a chunk size with zeros', chunked('00005\r\nhello\r\n0\r\n\r\n')),
    hello(
      'trailers that route or authorize',
      chunked(`5\r\nhello\r\n0\r\nAuthorization: Bearer ${revoked}\r\nHost: y\r\nX: y\r\n\r\n`),
    ),
    plain('a length of 0, spelt with _', get('Host: x\r\nContent_Length: 50\r\n')),
    plain('a space more in front of the target', get('Host: x\r\n', ' /api/open')),
    plain('absolute-form', get('Host: x\r\n', 'http://x/api/open')),
    plain('HTTP/1.0', get('Host: x\r\n', '/api/open', 'HTTP/1.0')),
    plain('HTTP/1.0 without Host', get('', '/api/open', 'HTTP/1.0')),
    ...['\r\nGET', '\nGET', 'GET '].map((method) =>
      plain(printed('a method', method), get('Host: x\r\n').replace('GET', method)),
    ),
    plain('Connection names Host', get('Connection: keep-alive, Host\r\nHost: x\r\n')),
  ]
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS']) {
    for (const framing of ['length', 'chunks']) {
      const [header, body] =
        framing === 'length'
          ? [`Content-Length: ${inside.length}`, inside]
          : ['Transfer-Encoding: chunked', asChunks(inside)]
      const bytes = `${method} /api/open HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n${body}${get('Host: x\r\n', '/api/next')}`
      tricks.push({
        name: `${method} with a body of a ${framing}`,
        bytes,
        status: '200,200',
        seen: [`${method} /open`, 'GET /next'],
      })
    }
  }
  return tricks
}
