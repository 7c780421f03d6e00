import { Tokenizer, TokenParser, TokenType } from '@streamparser/json'
import { HUB_LISTS, type HubList } from './event-hub-entry.js'
import { StoreError } from './store-error.js'

/** An element of one of the answer's lists, of whatever shape. */
export interface HubElement {
  readonly list: HubList
  readonly value: unknown
}

/** Deeper than any documented answer: an object, its list, an entry, and room for what a later version adds. */
const MAX_DEPTH = 16
/** Bytes between two entries' ends. Whole JWTs occur; a megabyte is none, and would be held in memory. */
const MAX_ENTRY_BYTES = 1024 * 1024
/** Bytes parsed at once: about 1 ms. */
const SLICE_BYTES = 16 * 1024
/** Strings are gathered in a buffer of this many bytes. */
const STRING_BUFFER = 16 * 1024

/**
 * Reads the answer to `GET .../revokedjwt` as it arrives: an array of entries (WSO2 3.x), or an object whose lists
 * hold them (later versions). Memory is bounded whatever comes.
 * Throws {@link StoreError} `ERR_STORE_ANSWER` for anything else, and for an answer that ends too early.
 */
export async function* readHubAnswer(body: AsyncIterable<Uint8Array>): AsyncIterable<readonly HubElement[]> {
  const answer = new HubAnswer()
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) yield answer.read(chunk.subarray(at, at + SLICE_BYTES))
  }
  answer.end()
}

class HubAnswer {
  readonly #tokenizer = new Tokenizer({ stringBufferSize: STRING_BUFFER })
  #parser: TokenParser | undefined
  #elements: HubElement[] = []
  #depth = 0
  #received = 0
  #entryEnd = 0
  /** The list that is being read: an array's only one, or the object's member of this moment. */
  #list: HubList | undefined
  /** Whether the object's next string is a member's name. */
  #atName = false
  #isObject = false
  #foundTokens = false

  constructor() {
    this.#tokenizer.onToken = ({ token, value, offset }) => this.#token(token, value, offset)
  }

  read(bytes: Uint8Array): readonly HubElement[] {
    this.#elements = []
    this.#received += bytes.length
    try {
      this.#tokenizer.write(bytes)
    } catch (error) {
      // The parser's own errors quote what they met, which may be a token.
      throw error instanceof StoreError ? error : unexpected('is not JSON')
    }
    if (this.#received - this.#entryEnd > MAX_ENTRY_BYTES) throw unexpected('has an entry that is too long')
    return this.#elements
  }

  end(): void {
    try {
      this.#tokenizer.end()
    } catch {
      throw unexpected('ends too early')
    }
    if (this.#parser?.isEnded !== true) throw unexpected('ends too early')
    if (!this.#foundTokens) throw unexpected(`has no ${HUB_LISTS[0]}`)
  }

  #token(token: TokenType, value: unknown, offset: number): void {
    this.#parser ??= this.#start(token)
    this.#parser.write({ token, value: value as string })
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) {
      if (this.#isObject && this.#depth === 1) this.#member(token)
      if (++this.#depth > MAX_DEPTH) throw unexpected('is nested too deeply')
    } else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) {
      this.#depth--
    } else if (this.#isObject && this.#depth === 1) {
      this.#scalar(token, value)
    }
    if (this.#depth <= (this.#isObject ? 2 : 1)) this.#entryEnd = offset
  }

  /** The first token decides which shape the answer must have. */
  #start(token: TokenType): TokenParser {
    this.#isObject = token === TokenType.LEFT_BRACE
    this.#atName = this.#isObject
    if (token === TokenType.LEFT_BRACKET) {
      this.#list = HUB_LISTS[0]
      this.#foundTokens = true
    } else if (!this.#isObject) {
      throw unexpected('is neither an array nor an object')
    }
    const paths = this.#isObject ? HUB_LISTS.map((list) => `$.${list}.*`) : ['$.*']
    const parser = new TokenParser({ paths, keepStack: false })
    parser.onValue = (element) => {
      if (this.#list !== undefined) this.#elements.push({ list: this.#list, value: element.value })
    }
    return parser
  }

  /** A name, a comma or a simple value, directly in the object. */
  #scalar(token: TokenType, value: unknown): void {
    if (token === TokenType.COMMA) this.#atName = true
    else if (token === TokenType.STRING && this.#atName) {
      this.#atName = false
      this.#list = HUB_LISTS.find((list) => list === value)
    } else if (token !== TokenType.COLON) this.#member(token)
  }

  /** The value of a member begins: a list must be an array; the newer ones may be null, as old versions lack them. */
  #member(token: TokenType): void {
    if (this.#list === undefined) return
    if (token === TokenType.LEFT_BRACKET) this.#foundTokens ||= this.#list === HUB_LISTS[0]
    else if (token !== TokenType.NULL || this.#list === HUB_LISTS[0]) throw unexpected(`has no list in ${this.#list}`)
  }
}

function unexpected(what: string): StoreError {
  return new StoreError('ERR_STORE_ANSWER', `the event hub's answer ${what}`)
}
