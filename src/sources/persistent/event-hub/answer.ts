import { isAscii } from 'node:buffer'
import { StoreError } from '../../source.js'
import { HUB_LISTS, type HubList } from './entry.js'
import { JsonValues } from './json-values.js'

/** Elements of one of the answer's lists that follow each other, of whatever shape. */
export interface HubElements {
  readonly list: HubList
  /** The index of the first. */
  readonly from: number
  readonly values: readonly unknown[]
}

/** An element that was passed over unread. */
export interface SkippedElement {
  readonly list: HubList
  readonly from: number
  readonly problem: 'too-long' | 'too-deep'
}

/** Deeper than any documented entry, and room for what a later version adds. */
const MAX_DEPTH = 16
/** Bytes of an entry. Whole JWTs occur; none is a megabyte, which would be held in memory. */
const MAX_ENTRY_BYTES = 1024 * 1024
/** Bytes read at once: less than 1 ms. */
const SLICE_BYTES = 64 * 1024

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const LESS_THAN = 0x3c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const LETTER_N = 0x6e
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/**
 * Reads the answer to `GET .../revokedjwt` as it arrives: an array of entries (WSO2 3.x), or an object whose lists
 * hold them (later versions). Memory is bounded whatever comes.
 * Throws {@link StoreError} `ERR_STORE_ANSWER` for anything else, and for an answer that ends too early. One that is not
 * JSON somewhere is read to its end first, as far as it can be: what is good in it is valid.
 *
 * @param charset that it is declared to be in, in lower case: one that is not UTF-8 matters where it is not ASCII
 */
export async function* readHubAnswer(
  body: AsyncIterable<Uint8Array>,
  charset?: string,
): AsyncIterable<readonly (HubElements | SkippedElement)[]> {
  const answer = new HubAnswer(charset)
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) yield answer.read(bytes.subarray(at, at + SLICE_BYTES))
  }
  answer.end()
}

/** What is expected next, apart from white space. */
type Place =
  | 'document'
  | 'first name'
  | 'name'
  | 'colon'
  | 'member'
  | 'after member'
  | 'first element'
  | 'element'
  | 'after element'
  | 'nothing'

class HubAnswer {
  readonly #values: JsonValues
  #read: (HubElements | SkippedElement)[] = []
  #place: Place = 'document'
  /** What the value is that has begun and not ended. */
  #within: 'name' | 'member' | 'element' | undefined
  #isObject = false
  #name: unknown
  /** That of the member that is being read; an array's only one. */
  #list: HubList | undefined
  /** Elements of the list so far. */
  #index = 0
  #foundTokens = false
  #isBroken = false
  readonly #charset: string | undefined
  #isAscii = true

  constructor(charset: string | undefined) {
    this.#charset = charset === undefined || UTF8_NAMES.has(charset) ? undefined : charset
    const reader = {
      values: (values: readonly unknown[]) => this.#take(values),
      skipped: (problem: 'too-long' | 'too-deep') => this.#skip(problem),
      broken: () => {
        this.#isBroken = true
        this.#index++
      },
    }
    this.#values = new JsonValues(reader, { maxBytes: MAX_ENTRY_BYTES, maxDepth: MAX_DEPTH })
  }

  read(bytes: Buffer): readonly (HubElements | SkippedElement)[] {
    this.#read = []
    if (this.#isAscii) this.#isAscii = isAscii(bytes)
    for (let at = 0; at < bytes.length; ) {
      if (this.#within !== undefined) at = this.#goOn(bytes, at)
      else if (isWhiteSpace(bytes[at])) at++
      else at = this.#step(bytes, at)
    }
    this.#values.hold(bytes, this.#within !== undefined)
    return this.#read
  }

  end(): void {
    if (this.#place !== 'nothing') throw unexpected('ends too early')
    if (!this.#isAscii && this.#charset !== undefined) throw unexpected(inCharset(this.#charset))
    if (this.#isBroken) throw unexpected(this.#isAscii ? 'is not JSON' : 'is not JSON in UTF-8')
    if (!this.#foundTokens) throw unexpected(`has no ${HUB_LISTS[0]}`)
  }

  /** Reads the byte at `at`, or begins the value there. Returns the index of the next byte. */
  #step(bytes: Buffer, at: number): number {
    const byte = bytes[at]
    switch (this.#place) {
      case 'document':
        this.#openDocument(bytes, at)
        return at + 1
      case 'first name':
      case 'name':
        if (byte === CLOSE_BRACE && this.#place === 'first name') return this.#to('nothing', at + 1)
        if (byte !== QUOTE) throw unexpected('is not JSON')
        return this.#begin('name', bytes, at)
      case 'colon':
        if (byte !== COLON) throw unexpected('is not JSON')
        return this.#to('member', at + 1)
      case 'member':
        return this.#member(bytes, at)
      case 'after member':
        if (byte === COMMA) return this.#to('name', at + 1)
        if (byte !== CLOSE_BRACE) throw unexpected('is not JSON')
        return this.#to('nothing', at + 1)
      case 'first element':
      case 'element':
        if (byte === CLOSE_BRACKET && this.#place === 'first element') return this.#closeList(bytes, at)
        return this.#begin('element', bytes, at)
      case 'after element':
        if (byte === COMMA) return this.#to('element', at + 1)
        if (byte !== CLOSE_BRACKET) throw unexpected('is not JSON')
        return this.#closeList(bytes, at)
      case 'nothing':
        throw unexpected('is followed by something')
    }
  }

  #to(place: Place, next: number): number {
    this.#place = place
    return next
  }

  /** The first byte decides which shape the answer must have. */
  #openDocument(bytes: Buffer, at: number): void {
    const byte = bytes[at]
    if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) throw unexpected(foreign(bytes.subarray(at), this.#charset))
    if (bytes[at + 1] === 0) throw unexpected(inCharset(this.#charset ?? 'UTF-16 or UTF-32'))
    this.#isObject = byte === OPEN_BRACE
    this.#place = this.#isObject ? 'first name' : 'first element'
    if (this.#isObject) return
    this.#list = HUB_LISTS[0]
    this.#foundTokens = true
  }

  /** A list must be an array; the newer ones may be null, as old versions lack them. Other members have no meaning. */
  #member(bytes: Buffer, at: number): number {
    const byte = bytes[at]
    this.#list = HUB_LISTS.find((list) => list === this.#name)
    if (this.#list === undefined) return this.#begin('member', bytes, at)
    if (byte === OPEN_BRACKET) {
      this.#foundTokens ||= this.#list === HUB_LISTS[0]
      this.#index = 0
      return this.#to('first element', at + 1)
    }
    if (byte === LETTER_N && this.#list !== HUB_LISTS[0]) return this.#begin('member', bytes, at)
    throw unexpected(`has no list in ${this.#list}`)
  }

  #closeList(bytes: Buffer, at: number): number {
    this.#values.flush(bytes)
    return this.#to(this.#isObject ? 'after member' : 'nothing', at + 1)
  }

  #begin(what: 'name' | 'member' | 'element', bytes: Buffer, at: number): number {
    const byte = bytes[at] ?? 0
    if (byte < SPACE || NOT_FIRST.has(byte)) throw unexpected('is not JSON')
    this.#within = what
    this.#values.begin(bytes, at)
    return at
  }

  /** Goes on with the value that has begun. */
  #goOn(bytes: Buffer, from: number): number {
    const end = this.#values.end(bytes, from)
    if (end === -1) return bytes.length
    const what = this.#within
    if (what !== 'element') this.#values.flush(bytes)
    this.#within = undefined
    this.#place = what === 'name' ? 'colon' : what === 'member' ? 'after member' : 'after element'
    return end
  }

  #take(values: readonly unknown[]): void {
    if (this.#within === 'name') this.#name = values[0]
    else if (this.#within !== 'member' && this.#list !== undefined) {
      this.#read.push({ list: this.#list, from: this.#index, values })
      this.#index += values.length
    }
  }

  #skip(problem: 'too-long' | 'too-deep'): void {
    if (this.#within === 'name') this.#name = undefined
    else if (this.#within !== 'member' && this.#list !== undefined) {
      this.#read.push({ list: this.#list, from: this.#index++, problem })
    }
  }
}

const SPACE = 0x20
/** What no value begins with, although it may follow one. */
const NOT_FIRST: ReadonlySet<number> = new Set([COMMA, COLON, CLOSE_BRACKET, CLOSE_BRACE])

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09
}

const UTF8_NAMES: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii'])

/** What else than JSON begins so. */
function foreign(start: Buffer, charset: string | undefined): string {
  const [first, second, third] = start
  if (first === LESS_THAN && second !== 0) {
    return 'is an HTML page, such as a login page or that of a proxy: correct endpointURL, username or password in tokenRevocationConfig.persistent'
  }
  if (first === 0x1f && second === 0x8b) return compressedBy('gzip')
  if (first === 0 || second === 0 || (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return inCharset(charset ?? 'UTF-16 or UTF-32')
  }
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'begins with a byte order mark, which JSON has not'
  return 'is neither an array nor an object'
}

/** How an answer is told that is compressed; {@link unexpected} makes an error of it. */
export function compressedBy(coding: string): string {
  return `is compressed (${coding}), although none was asked for (accept-encoding: identity): turn compression off at the hub, or at the proxy before it`
}

function inCharset(charset: string): string {
  return `is in the charset ${charset}: the hub must send UTF-8`
}

/** The error of an answer that can't be read. `what` completes the sentence. */
export function unexpected(what: string): StoreError {
  return new StoreError('ERR_STORE_ANSWER', `the event hub's answer ${what}`)
}
