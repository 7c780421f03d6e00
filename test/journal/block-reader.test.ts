import { writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { BlockReader } from '../../src/journal/block-reader.js'
import { encodeBlock } from '../../src/journal/format.js'

const PAYLOADS = ['first', 'second', 'third'].map((text) => Buffer.from(text))
const BLOCKS = PAYLOADS.map((payload) => encodeBlock('note', payload))
const ENDS = BLOCKS.map((_, index) => Buffer.concat(BLOCKS.slice(0, index + 1)).length)
const [FIRST_END = 0, SECOND_END = 0, END = 0] = ENDS

/** All that a reader finds in bytes that it is given `chunk` at a time. */
function read(bytes: Buffer, chunk = bytes.length, position = 0) {
  const reader = new BlockReader(position)
  const found: [from: number, to: number, text: string][] = []
  for (let at = 0; at < bytes.length; at += chunk) {
    reader.push(bytes.subarray(at, at + chunk))
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      found.push([next.from, next.to, next.block.payload.toString()])
    }
  }
  return { found, rest: reader.rest(), damages: reader.damages }
}

/** The three blocks with one bit flipped. */
function flipped(at: number): Buffer {
  const bytes = Buffer.concat(BLOCKS)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  return bytes
}

t.test('blocks are found in order, with their places, however the bytes arrive', async (t) => {
  for (const chunk of [1, 7, END]) {
    t.strictSame(read(Buffer.concat(BLOCKS), chunk, 20), {
      found: [
        [20, 20 + FIRST_END, 'first'],
        [20 + FIRST_END, 20 + SECOND_END, 'second'],
        [20 + SECOND_END, 20 + END, 'third'],
      ],
      rest: undefined,
      damages: 0,
    })
  }
})

t.test('a flipped bit costs its block alone, and counts as one damage', async (t) => {
  for (let at = FIRST_END; at < SECOND_END; at++) {
    for (const chunk of [1, END]) {
      const { found, rest, damages } = read(flipped(at), chunk)
      t.strictSame(found, [
        [0, FIRST_END, 'first'],
        [SECOND_END, END, 'third'],
      ])
      t.strictSame({ rest, damages }, { rest: undefined, damages: 1 })
    }
  }
})

t.test('a file that ends within a block is cut; damage up to its end is not', async (t) => {
  const bytes = Buffer.concat(BLOCKS)
  for (let cut = SECOND_END + 1; cut < END; cut++) {
    t.strictSame(read(bytes.subarray(0, cut)).rest, { from: SECOND_END, to: cut, isCut: true })
  }
  t.strictSame(read(flipped(END - 1)).rest, { from: SECOND_END, to: END, isCut: false })
})

t.test('a file is read from a position up to another, and to its end', async (t) => {
  const path = join(t.testdir(), 'blocks')
  writeFileSync(path, Buffer.concat(BLOCKS))
  const file = await open(path)
  t.teardown(() => file.close())
  const texts = async (from: number, to?: number) => {
    const found: string[] = []
    for await (const { block } of new BlockReader(from).blocksOf(file, to)) found.push(block.payload.toString())
    return found
  }
  t.strictSame(await texts(0), ['first', 'second', 'third'])
  t.strictSame(await texts(FIRST_END, SECOND_END), ['second'])
})
