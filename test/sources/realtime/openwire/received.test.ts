import { test } from 'tap'
import { decodeMessage } from '../../../../src/sources/realtime/openwire/decode.js'
import { decodeLong, decodeReceived } from '../../../../src/sources/realtime/openwire/received.js'
import { decodeWireFormatInfo, negotiatedVersion } from '../../../../src/sources/realtime/openwire/wire-format.js'
import { FRAMES } from './recorded-frames.js'

function decoded(frame: Buffer) {
  const received = decodeReceived(frame)
  if (received.kind !== 'dispatch' || received.message === undefined) throw new Error('no message')
  return decodeMessage(received.message, 4096)
}

test("a broker's WireFormatInfo is read", async (t) => {
  const info = decodeWireFormatInfo(FRAMES.wireFormatInfo)
  t.equal(info.version, 12)
  t.equal(info.properties.get('MaxInactivityDuration'), 30_000)
  t.equal(info.properties.get('ProviderVersion'), '5.17.2')
})

test('the smaller version wins, and one below 10 is refused', async (t) => {
  const properties = new Map()
  t.equal(negotiatedVersion({ version: 10, properties }), 10)
  t.equal(negotiatedVersion({ version: 99, properties }), 12)
  t.throws(() => negotiatedVersion({ version: 9, properties }), { code: 'ERR_OPENWIRE_VERSION' })
})

test('of a message that is too long, the id is read that acknowledges it', async (t) => {
  const { mapDispatch, compressedTextDispatch, transactedPlainDispatch, brokerInfo } = FRAMES
  for (const frame of [mapDispatch, compressedTextDispatch, transactedPlainDispatch]) {
    const whole = decodeReceived(frame)
    if (whole.kind !== 'dispatch' || whole.message === undefined) throw new Error('no message')
    const id = whole.message.messageId
    const start = frame.subarray(0, frame.indexOf(id) + id.length)
    t.same(decodeLong(start).message.messageId, id)
    t.throws(() => decodeLong(start.subarray(0, -1)), { code: 'ERR_OPENWIRE_TRUNCATED' })
  }
  t.throws(() => decodeLong(brokerInfo), { code: 'ERR_OPENWIRE_FRAME_TOO_LONG' })
})

test('what the broker says beside messages is read', async (t) => {
  t.same(decodeReceived(FRAMES.brokerInfo), { kind: 'ignored' })
  t.same(decodeReceived(FRAMES.connectionControl), { kind: 'ignored' })
  t.same(decodeReceived(FRAMES.response), { kind: 'response', correlationId: 1 })
  t.same(decodeReceived(FRAMES.exceptionResponse), {
    kind: 'exception',
    correlationId: 1,
    exception: 'java.lang.SecurityException',
  })
  t.same(decodeReceived(Buffer.from('0a0000000101', 'hex')), { kind: 'keep-alive', responseRequired: true })
  t.same(decodeReceived(Buffer.from('0b0000000100', 'hex')), { kind: 'closing' })
  t.throws(() => decodeReceived(Buffer.from('060000000100', 'hex')), { code: 'ERR_OPENWIRE_UNKNOWN_COMMAND' })
})

test('the name of an exception that is no Java class is not repeated', async (t) => {
  const name = Buffer.from('secret text')
  const frame = Buffer.concat([Buffer.from('1f0000000100000000010101', 'hex'), Buffer.of(0, name.length), name])
  const received = decodeReceived(frame)
  t.notMatch(JSON.stringify(received), /secret/)
})

test('recorded messages are read', async (t) => {
  const map = new Map([
    ['revokedToken', 'abc'],
    ['ttl', '3600'],
  ])
  const at = (publishedAt: number) => ({ properties: new Map(), publishedAt })
  t.same(decoded(FRAMES.mapDispatch), { map, ...at(1795387123521) })
  t.same(decoded(FRAMES.compressedTextDispatch), { text: '{"revokedToken":"abc"}', ...at(1795387123545) })
  t.same(decoded(FRAMES.compressedBytesDispatch), { bytes: Buffer.from('abc'), ...at(1795387123557) })
  t.same(decoded(FRAMES.transactedPlainDispatch), {
    properties: new Map([['revokedToken', 'abc']]),
    publishedAt: 1795387123568,
  })
})

test('the message id is kept as it came', async (t) => {
  const received = decodeReceived(FRAMES.mapDispatch)
  const id = received.kind === 'dispatch' ? received.message?.messageId.toString('hex') : undefined
  t.match(id, /^016e00017b01/)
  t.ok(FRAMES.mapDispatch.toString('hex').includes(id ?? 'no id'))
})

test('a body that inflates beyond the limit, or is no zlib stream, concerns that message only', async (t) => {
  const received = decodeReceived(FRAMES.compressedTextDispatch)
  if (received.kind !== 'dispatch' || received.message === undefined) throw new Error('no message')
  const { message } = received
  t.throws(() => decodeMessage(message, 10), { code: 'ERR_OPENWIRE_BODY_TOO_LONG' })
  const content = Buffer.from('not zlib')
  t.throws(() => decodeMessage({ ...message, content }, 1024), { code: 'ERR_OPENWIRE_MALFORMED' })
  const torn = message.content?.subarray(0, -4) ?? null
  t.throws(() => decodeMessage({ ...message, content: torn }, 1024), { code: 'ERR_OPENWIRE_MALFORMED' })
})
