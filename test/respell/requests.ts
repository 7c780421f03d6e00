import type { Random } from '../chaos/random.js'
import type { Issued } from '../support/issuer.js'
import { percent, RESPELLINGS } from './spellings.js'

/** A request that must not get through: its bytes, each a character of Latin-1. */
export interface Attempt {
  readonly kind: string
  readonly bytes: string
}

/** Where a request goes to, and a token that is not revoked, by which it may hide another. */
export interface Cover {
  readonly path: string
  readonly control: string
}

type Way = (token: string, cover: Cover, random: Random) => string

/** Headers in which somebody behind the gateway might look for a token. */
const HEADERS = [
  ...['Proxy-Authorization', 'X-Authorization', 'X-Access-Token', 'X-Auth-Token', 'Access-Token', 'Token', 'ApiKey'],
  ...['X-Forwarded-Access-Token', 'X-Forwarded-Authorization', 'X-Original-Authorization', 'X-JWT-Assertion'],
  ...['Authorization2', 'Authorisation', 'WWW-Authenticate', 'Authentication', 'Sec-WebSocket-Protocol', 'DPoP'],
  ...['HTTP_AUTHORIZATION', 'Http-Authorization', 'REDIRECT_HTTP_AUTHORIZATION', 'From', 'Referer'],
] as const

/** Ways to present a token, by their names. */
const WAYS: Readonly<Record<string, Way>> = {
  'the scheme in any case': (token, { path }, random) =>
    get(path, `Authorization: ${anyCase('Bearer', random)} ${token}`),
  'space around': (token, { path }, random) => {
    const gap = () => random.pick(['', ' ', '  ', '\t', ' \t '])
    return get(path, `Authorization:${gap()}Bearer${random.pick([' ', '   ', '\t', ' \t'])}${token}${gap()}`)
  },
  'another scheme': (token, { path }, random) => {
    const scheme = random.pick([
      'Token ',
      'JWT ',
      'DPoP ',
      'OAuth ',
      'Basic ',
      'Bearer:',
      'Bearer=',
      'Bearer',
      '',
      'MAC ',
    ])
    return get(path, `Authorization: ${scheme}${token}`)
  },
  'a parameter': (token, { path }, random) =>
    get(
      path,
      `Authorization: Bearer ${random.pick([`"${token}"`, `token=${token}`, `access_token="${token}"`, `<${token}>`])}`,
    ),
  'the header’s name in any case': (token, { path }, random) =>
    get(path, `${anyCase('Authorization', random)}: Bearer ${token}`),
  'a header’s name that is none': (token, { path }, random) => {
    const name = random.pick([
      'Authorization ',
      ' Authorization',
      'Authorization\t',
      'Author\0ization',
      'Authorization\x0b',
      'Authorization_',
      'Authorization\r\n ',
    ])
    return get(path, `${name}: Bearer ${token}`)
  },
  'two headers': (token, { path, control }, random) => {
    const [name, other] = ['Authorization', random.pick(['Authorization', 'authorization', 'AUTHORIZATION'])]
    const second = random.pick([token, control, control, control])
    const scheme = random.pick(['Bearer', 'bearer', 'Basic', ''])
    const lines = [`${name}: Bearer ${token}`, `${other}: ${scheme} ${second}`]
    return get(path, ...random.shuffled(lines))
  },
  'two headers, one token': (token, { path }, random) => {
    const at = random.between(1, token.length - 1)
    return get(path, `Authorization: Bearer ${token.slice(0, at)}`, `Authorization: ${token.slice(at)}`)
  },
  'joined by commas': (token, { path, control }, random) => {
    const comma = random.pick([',', ', ', ' , ', ';', '; '])
    const parts = random.pick([
      [`Bearer ${control}`, `Bearer ${token}`],
      [`Bearer ${token}`, `Bearer ${control}`],
      [`Basic eDp5`, `Bearer ${token}`],
      [`Bearer ${token}`, ''],
      ['', `Bearer ${token}`],
      [`Bearer ${control}`, token],
    ])
    return get(path, `Authorization: ${parts.join(comma)}`)
  },
  'folded lines': (token, { path }, random) => {
    const fold = random.pick(['\r\n ', '\r\n\t', '\n ', '\r\n  '])
    return get(
      path,
      random.pick([
        `Authorization:${fold}Bearer ${token}`,
        `Authorization: Bearer${fold}${token}`,
        `Authorization: Bearer ${token}${fold}`,
        `X: y${fold}\r\nAuthorization: Bearer${fold} ${token}`,
      ]),
    )
  },
  'another header': (token, { path }, random) =>
    get(path, `${random.pick(HEADERS)}: ${random.pick(['Bearer ', 'bearer ', ''])}${token}`),
  'a cookie': (token, { path }, random) =>
    get(path, `Cookie: ${random.pick(['access_token', 'token', 'jwt', 'Authorization'])}=${token}`),
  'in the query': (token, { path }, random) => {
    const name = random.pick(['access_token', 'token', 'jwt', 'authorization', 'bearer_token'])
    return get(`${path}?${name}=${encodeURIComponent(token)}`)
  },
  'in the query, beside a control token': (token, { path, control }, random) => {
    const name = 'access_token'.replace(/./g, (c) => (random.next() < 0.1 ? percent(c, random) : c))
    const before = random.pick(['?', '?', '?a=b&', '?a&', '?&', '?a=b;', '?;'])
    return get(`${path}${before}${name}=${encodeURIComponent(token)}`, `Authorization: Bearer ${control}`)
  },
  'in a body': (token, { path }) => {
    const body = `access_token=${encodeURIComponent(token)}`
    return `${get(path, 'Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`)}${body}`
  },
  'in a trailer': (token, { path }) =>
    `${get(path, 'Transfer-Encoding: chunked', 'Trailer: Authorization')}0\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  'in another form of request': (token, { path }, random) => {
    const bytes = get(random.pick([path, `http://gateway${path}`]), `Authorization: Bearer ${token}`)
    return random.pick([
      bytes,
      bytes.replace('HTTP/1.1', 'HTTP/1.0'),
      `\r\n\r\n${bytes}`,
      bytes.replaceAll('\r\n', '\n'),
    ])
  },
}
const RESPELLING_NAMES = Object.keys(RESPELLINGS)
const WAY_NAMES = Object.keys(WAYS)

/** Draws a request that presents a revoked token in another spelling. */
export function drawAttempt(issued: Issued, cover: Cover, random: Random): Attempt {
  for (;;) {
    // Both at once now and then: each alone must be common enough to be seen in a short run.
    const what = random.pick(['spelling', 'spelling', 'way', 'both'])
    const spelling = what === 'way' ? 'the token as it is' : random.pick(RESPELLING_NAMES)
    const way = what === 'spelling' ? 'the scheme in any case' : random.pick(WAY_NAMES)
    const token = RESPELLINGS[spelling]?.(issued, random)
    const present = WAYS[way]
    if (token === undefined || present === undefined) continue
    return {
      kind: what === 'way' ? way : what === 'spelling' ? spelling : 'both',
      bytes: present(token, cover, random),
    }
  }
}

/** A request as bytes; the connection ends with its answer. */
export function get(path: string, ...lines: readonly string[]): string {
  return [
    'GET ',
    path,
    ' HTTP/1.1\r\nHost: gateway\r\n',
    ...lines.map((line) => `${line}\r\n`),
    'Connection: close\r\n\r\n',
  ].join('')
}

function anyCase(text: string, random: Random): string {
  return text.replace(/./g, (c) => (random.next() < 0.5 ? c.toUpperCase() : c.toLowerCase()))
}
