import { Tokenizer, TokenParser, TokenType } from '@streamparser/json'
import { StoreError } from '../../source.js'

/** A key of etcd's v2 API. */
export interface Leaf {
  readonly key: unknown
  readonly value: string
}

/** Directories within directories: ids with more slashes than this are not read. */
const MAX_DEPTH = 64
/** Bytes until the next key, or the end of a directory. */
const MAX_ENTRY_BYTES = 16 * 1024 * 1024
/** Bytes parsed at once: about 1 ms. */
const SLICE_BYTES = 16 * 1024
/** Where nodes are: each is taken as soon as it is complete, so that a directory may have any number of them. */
const NODES = Array.from({ length: MAX_DEPTH }, (_, depth) => `$.node${'.nodes.*'.repeat(depth + 1)}`)

/**
 * Reads the answer to a `GET` of a directory as it arrives, and yields the keys in it.
 * Throws {@link StoreError} `ERR_STORE_ANSWER` for anything else, and for an answer that ends too early.
 *
 * @param onDirectory told of the directories in it
 */
export async function* readListing(
  body: AsyncIterable<Uint8Array>,
  onDirectory: (key: unknown) => void = () => undefined,
): AsyncIterable<readonly Leaf[]> {
  const listing = new Listing(onDirectory)
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) yield listing.read(chunk.subarray(at, at + SLICE_BYTES))
  }
  listing.end()
}

/** The keys of a node: itself, or those of all directories in it. */
export function leavesOf(node: unknown): Leaf[] {
  const leaves: Leaf[] = []
  const open = [node]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const leaf = leafOf(next)
    if (leaf !== undefined) leaves.push(leaf)
    else if (typeof next === 'object' && next !== null && 'nodes' in next && Array.isArray(next.nodes)) {
      for (const node of next.nodes) open.push(node)
    }
  }
  return leaves
}

/** `undefined` for a directory, and for anything that is not a node. */
function leafOf(node: unknown): Leaf | undefined {
  if (typeof node !== 'object' || node === null) return undefined
  const { key, value, dir } = node as Readonly<Record<string, unknown>>
  return dir === true ? undefined : { key, value: typeof value === 'string' ? value : '' }
}

class Listing {
  readonly #tokenizer = new Tokenizer({ stringBufferSize: SLICE_BYTES })
  readonly #parser = new TokenParser({ paths: ['$.node.dir', ...NODES], keepStack: false })
  #leaves: Leaf[] = []
  #isDirectory = false
  #depth = 0
  #received = 0
  #offset = 0
  #entryEnd = 0
  readonly #onDirectory: (key: unknown) => void

  constructor(onDirectory: (key: unknown) => void) {
    this.#onDirectory = onDirectory
    this.#parser.onValue = ({ value, key, parent }) => {
      this.#entryEnd = this.#offset
      if (key === 'dir') this.#isDirectory = value === true
      else this.#take(value)
      // The parser releases what it has emitted, but not while a directory around it is still to be emitted.
      if (Array.isArray(parent) && parent.at(-1) === value) parent.length--
    }
    this.#tokenizer.onToken = ({ token, value, offset }) => {
      this.#offset = offset
      this.#parser.write({ token, value })
      if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) this.#depth++
      else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth--
      if (this.#depth > MAX_DEPTH * 2) throw unexpected()
    }
  }

  read(bytes: Uint8Array): readonly Leaf[] {
    this.#leaves = []
    this.#received += bytes.length
    try {
      this.#tokenizer.write(bytes)
    } catch {
      throw unexpected() // the parser's own errors quote what they met
    }
    if (this.#received - this.#entryEnd > MAX_ENTRY_BYTES) throw unexpected()
    return this.#leaves
  }

  #take(node: unknown): void {
    const leaf = leafOf(node)
    if (leaf !== undefined) this.#leaves.push(leaf)
    else if (typeof node === 'object' && node !== null && 'key' in node) this.#onDirectory(node.key)
  }

  end(): void {
    if (!this.#parser.isEnded || !this.#isDirectory) throw unexpected()
  }
}

function unexpected(): StoreError {
  return new StoreError('ERR_STORE_ANSWER', "etcd's answer is not a directory listing")
}
