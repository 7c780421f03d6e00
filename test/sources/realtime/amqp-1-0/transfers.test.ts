import type { Receiver } from 'rhea'
import t from 'tap'
import { MAX_MESSAGE_LENGTH, Transfers } from '../../../../src/sources/realtime/amqp-1-0/transfers.js'

interface Frame {
  readonly size: number
  readonly performative: { message_format: number; more?: boolean }
  payload?: Buffer | undefined
}

/** A session that keeps what rhea would gather, and whether the message was too long when its last frame came. */
function session() {
  const payloads: (Buffer | undefined)[] = []
  const ends: boolean[] = []
  const on_transfer = (frame: Frame) => {
    payloads.push(frame.payload)
    if (!frame.performative.more) ends.push(transfers.isTooLong)
  }
  const session = { on_transfer }
  const transfers = new Transfers({ session } as unknown as Receiver)
  const transfer = (payload: Buffer | undefined, more: boolean, size = 40 + (payload?.length ?? 0)) => {
    const frame: Frame = { size, performative: { message_format: 0, more }, payload }
    session.on_transfer(frame)
    return frame
  }
  return { payloads, ends, transfer }
}

t.test('what is beyond the limit is not gathered; the next message is', async (t) => {
  const { payloads, ends, transfer } = session()
  const part = Buffer.alloc(MAX_MESSAGE_LENGTH / 4)
  for (let i = 0; i < 200; i++) transfer(part, i < 199)
  transfer(part, false)
  t.same(ends, [true, false])
  t.equal(payloads.slice(0, 200).filter((payload) => payload !== undefined).length, 3)
  t.equal(payloads.at(-1), part)
})

t.test('frames count, whatever they hold beside the payload', async (t) => {
  const { payloads, ends, transfer } = session()
  for (let i = 0; i < 10; i++) transfer(Buffer.alloc(1), i < 9, MAX_MESSAGE_LENGTH / 2)
  t.same(ends, [true])
  t.equal(payloads.filter((payload) => payload !== undefined).length, 2)
})

t.test('a message may begin with a frame without a payload, and is never decoded', async (t) => {
  const { payloads, transfer } = session()
  t.equal(transfer(undefined, true).performative.message_format, 1)
  transfer(Buffer.of(1), false)
  t.same(payloads, [Buffer.alloc(0), Buffer.of(1)])
})
