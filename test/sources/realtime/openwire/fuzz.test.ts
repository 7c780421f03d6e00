import fc from 'fast-check'
import { test } from 'tap'
import { decodeMessage, readPrimitiveMap } from '../../../../src/sources/realtime/openwire/decode.js'
import { OpenWireError } from '../../../../src/sources/realtime/openwire/error.js'
import { FrameAssembler } from '../../../../src/sources/realtime/openwire/frames.js'
import { decodeModifiedUtf8 } from '../../../../src/sources/realtime/openwire/modified-utf8.js'
import { ByteReader } from '../../../../src/sources/realtime/openwire/reader.js'
import { decodeLong, decodeReceived } from '../../../../src/sources/realtime/openwire/received.js'
import { decodeWireFormatInfo } from '../../../../src/sources/realtime/openwire/wire-format.js'
import { FRAMES } from './recorded-frames.js'

const LIMIT = 64 * 1024
const RECORDED = Object.values(FRAMES)

const decoders: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  'a frame': (bytes) => decodeWhole(bytes),
  'the beginning of a frame': decodeLong,
  'a WireFormatInfo': decodeWireFormatInfo,
  'a primitive map': (bytes) => readPrimitiveMap(new ByteReader(bytes)),
  'a string': decodeModifiedUtf8,
}

/** As the consumer does it: the frame, then the message in it. */
function decodeWhole(bytes: Buffer): unknown {
  const received = decodeReceived(bytes)
  return received.kind === 'dispatch' && received.message ? decodeMessage(received.message, LIMIT) : received
}

/** A value, or the codec's own error: anything else fails the property. */
function valueOrOwnError(decode: () => unknown): boolean {
  try {
    decode()
  } catch (error) {
    if (!(error instanceof OpenWireError)) throw error
  }
  return true
}

const anyBytes = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes))
const recorded = fc.constantFrom(...RECORDED)
const damaged = fc
  .tuple(
    recorded,
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }),
    fc.nat(),
  )
  .map(([frame, changes, cut]) => {
    const bytes = Buffer.from(frame)
    for (const [at, value] of changes) bytes[at % bytes.length] = value
    return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
  })

for (const [name, decode] of Object.entries(decoders)) {
  test(`any bytes, taken for ${name}, give a value or an OpenWireError`, async (t) => {
    const typed = fc
      .tuple(fc.constantFrom(1, 10, 16, 17, 18, 21, 30, 31), anyBytes)
      .map(([type, rest]) => Buffer.concat([Buffer.of(type), rest]))
    fc.assert(
      fc.property(fc.oneof(anyBytes, typed, damaged), (bytes) => valueOrOwnError(() => decode(bytes))),
      { numRuns: 3000 },
    )
    t.pass('held')
  })
}

test('every truncation of a recorded frame gives a value or an OpenWireError', async (t) => {
  for (const frame of RECORDED) {
    for (let length = 0; length <= frame.length; length++) {
      const decode = frame[0] === 1 ? decodeWireFormatInfo : decodeWhole
      valueOrOwnError(() => decode(frame.subarray(0, length)))
    }
  }
  t.pass('held')
})

test('every flipped bit of a recorded frame gives a value or an OpenWireError', async (t) => {
  for (const frame of RECORDED) {
    const decode = frame[0] === 1 ? decodeWireFormatInfo : decodeWhole
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const bytes = Buffer.from(frame)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      valueOrOwnError(() => decode(bytes))
    }
  }
  t.pass('held')
})

test('structures nested without end do not exhaust the stack', async (t) => {
  const dispatch = '150000000100' + '0000' + '0119' // no consumer, no destination, a map message
  const message = '0000000000' + '00000000' // no producer, destinations, transaction
  const deep = Buffer.from(dispatch + message + '016e00'.repeat(300_000), 'hex')
  t.throws(() => decodeWhole(deep), { name: 'OpenWireError' })
})

test('frames come out as they were, or their beginning, however the stream is cut into pieces', async (t) => {
  const limit = 50
  const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 2 * limit }), { maxLength: 10 })
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (contents, cuts) => {
      const stream = Buffer.concat(
        contents.flatMap((content) => {
          const size = Buffer.alloc(4)
          size.writeInt32BE(content.length)
          return [size, Buffer.from(content)]
        }),
      )
      const assembler = new FrameAssembler(limit)
      const out: string[] = []
      for (let at = 0, i = 0; at < stream.length; i++) {
        const end = at + (cuts[i % cuts.length] ?? 1)
        for (const { bytes, isCut } of assembler.push(stream.subarray(at, end)))
          out.push(`${isCut} ${bytes.toString('hex')}`)
        at = end
      }
      const expected = contents.map((content) => {
        return `${content.length > limit} ${Buffer.from(content.subarray(0, limit)).toString('hex')}`
      })
      return out.join() === expected.join()
    }),
  )
  t.pass('held')
})

test('any stream gives frames within the limit or an OpenWireError', async (t) => {
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 5 }), (chunks) => {
      const assembler = new FrameAssembler(100)
      return valueOrOwnError(() => {
        for (const chunk of chunks)
          for (const { bytes } of assembler.push(chunk)) if (bytes.length > 100) throw new Error()
      })
    }),
  )
  t.pass('held')
})
