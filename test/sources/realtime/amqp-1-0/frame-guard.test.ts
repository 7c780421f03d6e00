import fc from 'fast-check'
import t from 'tap'
import {
  FrameGuard,
  foreignProtocol,
  MAX_BYTES_PER_MESSAGE,
  MAX_FRAME_SIZE,
} from '../../../../src/sources/realtime/amqp-1-0/frame-guard.js'
import { BrokerProtocolError } from '../../../../src/sources/realtime/broker/broker.js'

const SASL = Buffer.from('414d515003010000', 'hex')
const AMQP = Buffer.from('414d515000010000', 'hex')

function frame(length: number, announced = length): Buffer {
  const bytes = Buffer.alloc(length)
  bytes.writeUInt32BE(announced)
  return bytes
}

t.test('a conversation passes, however it is cut', async () => {
  const talk = Buffer.concat([SASL, frame(30), AMQP, frame(8), frame(500), frame(MAX_FRAME_SIZE)])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }), (cuts) => {
      const guard = new FrameGuard()
      let at = 0
      for (const length of cuts) {
        guard.watch(talk.subarray(at, at + length))
        at += length
      }
      guard.watch(talk.subarray(at))
    }),
    { numRuns: 200 },
  )
})

t.test('a frame that is too long or too short ends the connection before it is stored', async (t) => {
  for (const size of [0, 7, MAX_FRAME_SIZE + 1, 0xffffffff]) {
    const guard = new FrameGuard()
    guard.watch(AMQP)
    t.throws(() => guard.watch(frame(4, size)), { code: 'ERR_BROKER_PROTOCOL' }, String(size))
  }
})

t.test('a message that never ends is not waited for; complete ones may go on for ever', async (t) => {
  const guard = new FrameGuard()
  const longest = frame(MAX_FRAME_SIZE)
  const frames = MAX_BYTES_PER_MESSAGE / MAX_FRAME_SIZE
  guard.watch(AMQP)
  for (let i = 0; i < 2 * frames; i++) {
    guard.watch(longest)
    guard.messageCompleted()
  }
  for (let i = 0; i < frames; i++) guard.watch(longest)
  t.throws(() => guard.watch(frame(9)), { code: 'ERR_BROKER_PROTOCOL' })
})

t.test('the protocol that is found in place of AMQP 1.0 is named', async (t) => {
  t.equal(foreignProtocol(AMQP), undefined)
  t.equal(foreignProtocol(SASL), undefined)
  t.match(foreignProtocol(Buffer.from('414d515000000901', 'hex')), /^AMQP 0-9-1/)
  t.match(foreignProtocol(Buffer.from('00000152014163746976654d51', 'hex').subarray(0, 8)), /^OpenWire/)
  t.match(foreignProtocol(Buffer.from('15030100020228ff', 'hex')), /^TLS/)
  t.equal(foreignProtocol(Buffer.from('HTTP/1.1')), 'HTTP')
  t.equal(foreignProtocol(Buffer.from('12345678')), 'an unknown protocol')
})

t.test('any bytes, in any pieces, pass or end the connection', async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(SASL, AMQP, frame(8), frame(20)),
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const guard = new FrameGuard()
      try {
        for (const bytes of pieces) guard.watch(bytes)
      } catch (error) {
        if (!(error instanceof BrokerProtocolError)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})
