import fc from 'fast-check'
import { test } from 'tap'
import { FrameGuard } from '../../../src/demo/broker/frame-guard.js'

const header = Buffer.from('AMQP\x03\x01\x00\x00', 'latin1')

function frame(size: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32BE(size)
  return bytes
}

test('frames up to the limit pass, however the stream is cut', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 8, max: 100 })), fc.integer({ min: 1, max: 50 }), (sizes, step) => {
      const stream = Buffer.concat([header, ...sizes.map(frame), header])
      const guard = new FrameGuard(100)
      for (let at = 0; at < stream.length; at += step) {
        if (!guard.accepts(stream.subarray(at, at + step))) return false
      }
      return true
    }),
  )
  t.pass()
})

test('a frame that is too long, or shorter than its own header, is refused as soon as its size is read', async (t) => {
  for (const size of [0, 4, 7, 101, 0xffff_ffff]) {
    const guard = new FrameGuard(100)
    t.ok(guard.accepts(Buffer.concat([header, frame(8)])))
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(size)
    t.ok(guard.accepts(bytes.subarray(0, 3)))
    t.notOk(guard.accepts(bytes.subarray(3)))
  }
})

test('the bytes of frames are counted, idle frames and headers aside', async (t) => {
  const guard = new FrameGuard(100)
  guard.accepts(Buffer.concat([header, frame(8), frame(20), frame(8), frame(30)]))
  t.equal(guard.bytes, 50)
})
