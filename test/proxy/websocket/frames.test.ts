import fc from 'fast-check'
import t from 'tap'
import { closeFrame, WebSocketFrames } from '../../../src/proxy/websocket/frames.js'

function frame(opcode: number, length: number, masked = false): Buffer {
  const mask = masked ? 0x80 : 0
  const header =
    length < 126
      ? Buffer.from([0x80 | opcode, mask | length])
      : length < 65_536
        ? Buffer.from([0x80 | opcode, mask | 126, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([0x80 | opcode, mask | 127, 0, 0, 0, 0]), uint32(length)])
  return Buffer.concat([header, Buffer.alloc(masked ? 4 : 0, 7), Buffer.alloc(length, 0x88)])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const frames = fc.array(
  fc
    .record({
      opcode: fc.constantFrom(0, 1, 2, 9, 10),
      length: fc.constantFrom(0, 1, 5, 125, 126, 127, 300, 65_535, 65_536, 70_000),
      masked: fc.boolean(),
    })
    .map(({ opcode, length, masked }) => frame(opcode, length, masked)),
  { minLength: 1, maxLength: 5 },
)

t.test('the ends of frames are found however the stream is cut', async () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 }), (list, cuts) => {
      const stream = Buffer.concat(list)
      const ends = new Set<number>([0])
      list.reduce((at, one) => {
        ends.add(at + one.length)
        return at + one.length
      }, 0)
      const parser = new WebSocketFrames()
      for (let at = 0, i = 0; at < stream.length; i++) {
        const next = Math.min(at + (cuts[i % cuts.length] as number), stream.length)
        parser.read(stream.subarray(at, next))
        at = next
        if (parser.atBoundary !== ends.has(at)) return false
      }
      return !parser.closed
    }),
    { numRuns: 60 },
  )
})

t.test('every byte by itself gives the same ends', async (t) => {
  const parser = new WebSocketFrames()
  const stream = Buffer.concat([frame(1, 0), frame(2, 300), frame(9, 3, true)])
  const ends: number[] = []
  for (let i = 0; i < stream.length; i++) {
    parser.read(stream.subarray(i, i + 1))
    if (parser.atBoundary) ends.push(i + 1)
  }
  t.strictSame(ends, [2, 306, 315])
})

t.test('reading to a boundary stops there', async (t) => {
  const parser = new WebSocketFrames()
  const stream = Buffer.concat([frame(1, 200), frame(1, 10)])
  parser.read(stream.subarray(0, 3))
  t.equal(parser.readToBoundary(stream.subarray(3)), 201)
  t.ok(parser.atBoundary)
})

t.test('a Close frame is noticed when it is whole', async (t) => {
  const parser = new WebSocketFrames()
  const close = closeFrame(1008)
  t.strictSame([...close], [0x88, 2, 0x03, 0xf0])
  parser.read(close.subarray(0, 3))
  t.notOk(parser.closed)
  parser.read(close.subarray(3))
  t.ok(parser.closed)
})

t.test('no bytes make it throw, and it reads all of them', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
      const parser = new WebSocketFrames()
      for (const chunk of chunks) parser.read(Buffer.from(chunk))
      return typeof parser.atBoundary === 'boolean'
    }),
    { numRuns: 300 },
  )
})
