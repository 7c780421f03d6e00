import t from 'tap'
import { openStream, POLL, PUSH, type WantedStream } from '../../../src/sources/ssf/stream.js'
import type { TransmitterClient, TransmitterRequest } from '../../../src/sources/ssf/transmitter-client.js'
import { TransmitterError } from '../../../src/sources/ssf/transmitter-error.js'
import { readMetadata } from '../../../src/sources/ssf/transmitter-metadata.js'

const ISSUER = 'https://idp.example.com'
const METADATA = readMetadata({ issuer: ISSUER, configuration_endpoint: `${ISSUER}/streams` }, ISSUER)
const WANTED: WantedStream = { streamId: undefined, description: 'mgw', events: ['a', 'b'], delivery: { method: POLL } }
const STREAM = {
  stream_id: 's-1',
  iss: ISSUER,
  aud: 'gateway',
  description: 'mgw',
  delivery: { method: POLL, endpoint_url: `${ISSUER}/poll` },
  events_requested: ['a', 'b'],
  events_delivered: ['a'],
  min_verification_interval: 60,
}
const never = new AbortController().signal

/** A transmitter that has these streams, and answers this to what creates or changes one. */
function transmitter(streams: unknown, changed: unknown = STREAM) {
  const requests: TransmitterRequest[] = []
  const client = {
    async request(request: TransmitterRequest) {
      requests.push(request)
      const answer = request.method === 'GET' ? streams : changed
      if (answer instanceof Error) throw answer
      return answer
    },
  } as unknown as TransmitterClient
  const open = (wanted: Partial<WantedStream> = {}) => openStream(client, METADATA, { ...WANTED, ...wanted }, never)
  return { open, requests, methods: () => requests.map(({ method }) => method) }
}

const answered = (status: number) => new TransmitterError('status', `answered ${status}`, { status })

t.test('the stream that is as it is wanted is used', async (t) => {
  for (const streams of [STREAM, [STREAM], [{ ...STREAM, description: 'another', stream_id: 's-0' }, STREAM]]) {
    const { open, methods } = transmitter(streams)
    t.strictSame(await open(), {
      id: 's-1',
      audience: ['gateway'],
      endpointUrl: `${ISSUER}/poll`,
      minVerificationInterval: 60_000,
      missing: ['b'],
    })
    t.strictSame(methods(), ['GET'])
  }
})

t.test(
  'without one it is created; one that lacks events, and a push stream, are brought to what is wanted',
  async (t) => {
    for (const none of [[], undefined, answered(404), [{ ...STREAM, description: 'another' }], [7]]) {
      const { open, requests } = transmitter(none)
      await open()
      t.match(requests[1], {
        method: 'POST',
        body: { delivery: { method: POLL }, events_requested: ['a', 'b'], description: 'mgw' },
      })
    }
    const lacking = transmitter([{ ...STREAM, events_requested: ['a'] }])
    await lacking.open()
    t.match(lacking.requests[1], { method: 'PATCH', body: { stream_id: 's-1', events_requested: ['a', 'b'] } })
    const pushed = { ...STREAM, delivery: { method: PUSH, endpoint_url: 'https://gateway.example.com/ssf/idp' } }
    const push = transmitter([pushed], pushed)
    await push.open({
      delivery: { method: PUSH, endpointUrl: 'https://gateway.example.com/ssf/idp', authorization: 'Bearer x' },
    })
    t.match(push.requests[1], { method: 'PATCH', body: { delivery: { authorization_header: 'Bearer x' } } })
  },
)

t.test('a stream that is named must be there, with this delivery', async (t) => {
  const { open, requests } = transmitter([STREAM])
  await open({ streamId: 's-1', description: 'another' })
  t.match(requests[0], { url: `${ISSUER}/streams?stream_id=s-1` })
  for (const streams of [[], [{ ...STREAM, delivery: { method: PUSH, endpoint_url: ISSUER } }]]) {
    await t.rejects(transmitter(streams).open({ streamId: 's-1' }), { problem: 'stream', message: /streamId/ })
  }
})

t.test('answers of the configuration endpoint that cannot be used', async (t) => {
  const rows: [what: string, changed: unknown, problem: string, message: RegExp][] = [
    ['no object', [], 'answer', /no stream/],
    ['no id', { ...STREAM, stream_id: '' }, 'answer', /without stream_id/],
    ['another issuer', { ...STREAM, iss: 'https://else.example.com' }, 'answer', /another issuer/],
    ['no audience', { ...STREAM, aud: [] }, 'answer', /without aud/],
    ['another delivery', { ...STREAM, delivery: { method: PUSH } }, 'answer', /another delivery method/],
    [
      'polled without TLS',
      { ...STREAM, delivery: { method: POLL, endpoint_url: 'http://x' } },
      'metadata',
      /without TLS/,
    ],
    ['one stream a client', answered(409), 'stream', /streamId, or give the gateway a client of its own/],
    ['an error', answered(500), 'status', /answered 500/],
  ]
  for (const [what, changed, problem, message] of rows) {
    await t.rejects(transmitter([], changed).open(), { name: 'TransmitterError', problem, message }, what)
  }
  await t.rejects(transmitter(answered(500)).open(), { name: 'TransmitterError', problem: 'status' })
})
