import type { Random } from '../chaos/random.js'
import type { Issued } from '../support/issuer.js'
import { congruent, negated } from './signatures.js'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** Bits of a last character that no byte takes part in, by the segment's length modulo 4. */
const SPARE_BITS = [0, 0, 0b1111, 0b11] as const
/** Bytes as they go over the wire, each a character of Latin-1. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1')
const SPACES = [
  ' ',
  '  ',
  '\t',
  '\v',
  '\f',
  '\x85',
  '\xa0',
  ...['\u00a0', '\u2003', '\u200b', '\u2028', '\u3000', '\ufeff'].map(utf8),
]
const BREAKS = ['\r\n', '\n', '\r', '\r\n ', '\r\n\t', '\n ', '\r\n\r\n', '\n\n', '\r\n \r\n ']
const CONTROLS = ['\0', '\x01', '\x08', '\x1b', '\x7f', '\x80', '\xff']
const JUNK = [
  '!',
  '#',
  '$',
  '%',
  '&',
  "'",
  '*',
  '"',
  '~',
  '|',
  '^',
  '`',
  ',',
  ';',
  ':',
  '\\',
  '@',
  '(',
  '{',
  '=',
  '-',
  '_',
  '+',
  '/',
]

/** One way to write a token differently; `undefined` where this token has no such spelling. */
export type Respelling = (issued: Issued, random: Random) => string | undefined

/** Ways to write the token itself, by their names. What comes out follows `Bearer `. */
export const RESPELLINGS: Readonly<Record<string, Respelling>> = {
  'the token as it is': ({ jwt }) => jwt,
  'spare bits': (issued, random) => inSegment(issued.jwt, random, (segment) => spareBits(segment, random)),
  padding: ({ jwt }, random) => overSegments(jwt, random, (segment) => segment + '='.repeat(random.between(1, 4))),
  'right padding': ({ jwt }, random) =>
    overSegments(jwt, random, (segment) => segment.padEnd(Math.ceil(segment.length / 4) * 4, '=')),
  '+ and /': ({ jwt }, random) => {
    const some = jwt.replace(/[-_]/g, (c) => (random.next() < 0.6 ? (c === '-' ? '+' : '/') : c))
    return some === jwt ? undefined : some
  },
  '+ and / and right padding': ({ jwt }) =>
    jwt
      .split('.')
      .map((segment) => Buffer.from(segment, 'base64url').toString('base64'))
      .join('.'),
  'white space': ({ jwt }, random) => inserted(jwt, random, SPACES),
  'line breaks': ({ jwt }, random) => inserted(jwt, random, BREAKS),
  'control characters': ({ jwt }, random) => inserted(jwt, random, CONTROLS),
  'characters that lenient decoders skip': ({ jwt }, random) => inserted(jwt, random, JUNK),
  'percent encoding': ({ jwt }, random) => {
    const share = random.pick([0.01, 0.1, 1])
    const some = jwt.replace(/./g, (c) => (random.next() < share ? percent(c, random) : c))
    return some === jwt ? jwt.replaceAll('.', random.pick(['%2E', '%2e', '%252E'])) : some
  },
  'other scripts and escapes': ({ jwt }, random) => {
    const at = random.between(0, jwt.length - 1)
    const code = jwt.charCodeAt(at)
    const forms = [
      utf8(String.fromCharCode(code + 0xfee0)),
      String.fromCharCode(code | 0x80),
      `&#${code};`,
      `\\u00${code.toString(16)}`,
      `=${code.toString(16).toUpperCase()}`,
      utf8(`${String.fromCharCode(code)}\u0301`),
    ]
    return jwt.slice(0, at) + random.pick(forms) + jwt.slice(at + 1)
  },
  dots: ({ jwt }, random) => {
    const many = '.'.repeat(random.between(1, 3))
    const [header, payload, signature] = jwt.split('.')
    return random.pick([
      jwt + many,
      many + jwt,
      jwt.replace('.', `.${many}`),
      `${jwt}.${signature}`,
      `${header}.${payload}.${many}${signature}`,
      `${jwt}${many}${jwt}`,
      jwt.replaceAll('.', random.pick(['\xb7', utf8('\u3002'), utf8('\u2024'), ',', ':'])),
    ])
  },
  'n − s': (issued) => withSignature(issued.jwt, negated(issued)),
  'congruent signatures': (issued, random) => withSignature(issued.jwt, congruent(issued, random)),
  'n − s with spare bits, padding or + and /': (issued, random) => {
    const other = withSignature(issued.jwt, negated(issued))
    if (other === undefined) return undefined
    const name = random.pick(['spare bits', 'padding', 'right padding', '+ and /', '+ and / and right padding'])
    return RESPELLINGS[name]?.({ ...issued, jwt: other }, random)
  },
  'no signature': ({ jwt }, random) => {
    const [header, payload, signature] = jwt.split('.')
    const none = encode(`{"alg":"${random.pick(['none', 'None', 'NONE', ''])}"}`)
    return random.pick([
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}..${signature}`,
      `${none}.${payload}.`,
      `${none}.${payload}.${signature}`,
    ])
  },
  'other JSON of the same': ({ jwt }, random) => {
    const index = random.between(0, 1)
    return mapped(jwt, index, (segment) => {
      const text = Buffer.from(segment, 'base64url').toString()
      const entries = Object.entries(JSON.parse(text) as object)
      return encode(
        random.pick([
          ` ${text}`,
          `${text}\n`,
          text.replaceAll(':', ': '),
          JSON.stringify(Object.fromEntries(random.shuffled(entries))),
          text.replace('{', '{"x":1,'),
          text.replace('{', `{"jti":"another",`),
          text.replace(/"(\w)/, (_, c: string) => `"\\u00${c.charCodeAt(0).toString(16)}`),
          `\ufeff${text}`,
        ]),
      )
    })
  },
  'another letter case': ({ jwt }, random) => {
    const at = random.between(0, jwt.length - 1)
    const c = jwt.charAt(at)
    const other = c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()
    return c === other ? jwt.toUpperCase() : jwt.slice(0, at) + other + jwt.slice(at + 1)
  },
  'two of these': (issued, random) => {
    const first = random.pick(STACKED)(issued, random)
    return first === undefined ? undefined : random.pick(STACKED)({ ...issued, jwt: first }, random)
  },
}

/** Those that make sense of what another has made. */
const STACKED = ['spare bits', 'padding', '+ and /', 'white space', 'line breaks', 'percent encoding', 'dots'].map(
  (name): Respelling =>
    (issued, random) =>
      issued.jwt.split('.').length < 3 ? undefined : RESPELLINGS[name]?.(issued, random),
)

function spareBits(segment: string, random: Random): string | undefined {
  const spare = SPARE_BITS[segment.length & 3] ?? 0
  const last = ALPHABET.indexOf(segment.charAt(segment.length - 1))
  if (spare === 0 || last < 0) return undefined
  return segment.slice(0, -1) + ALPHABET.charAt((last & ~spare) | random.between(1, spare))
}

function inSegment(jwt: string, random: Random, change: (segment: string) => string | undefined): string | undefined {
  for (const index of random.shuffled([0, 1, 2])) {
    const changed = change(jwt.split('.')[index] ?? '')
    if (changed !== undefined) return mapped(jwt, index, () => changed)
  }
  return undefined
}

/** Changes one segment, or two, or all. */
function overSegments(jwt: string, random: Random, change: (segment: string) => string): string | undefined {
  const chosen = random.shuffled([0, 1, 2]).slice(0, random.between(1, 3))
  const changed = chosen.reduce((text, index) => mapped(text, index, change), jwt)
  return changed === jwt ? undefined : changed
}

function mapped(jwt: string, index: number, change: (segment: string) => string): string {
  return jwt
    .split('.')
    .map((segment, i) => (i === index ? change(segment) : segment))
    .join('.')
}

/** At the ends, beside a dot, or anywhere; once or a few times. */
function inserted(jwt: string, random: Random, what: readonly string[]): string {
  let text = jwt
  for (let times = random.pick([1, 1, 1, 2, 5]); times > 0; times--) {
    const dot = text.indexOf('.')
    const at = random.pick([0, text.length, dot, dot + 1, text.lastIndexOf('.') + 1, random.between(0, text.length)])
    text = text.slice(0, at) + random.pick(what) + text.slice(at)
  }
  return text
}

function withSignature(jwt: string, signature: string | undefined): string | undefined {
  return signature && `${jwt.slice(0, jwt.lastIndexOf('.'))}.${signature}`
}

export function percent(c: string, random: Random): string {
  const hex = c.charCodeAt(0).toString(16).padStart(2, '0')
  return `%${random.next() < 0.5 ? hex : hex.toUpperCase()}`
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}
