import t from 'tap'
import { UnconfirmedRevocation } from '../../../src/revocation/index.js'
import { runPush } from '../../ssf-receiver/run.js'
import { newSet, newSigningKey } from '../../ssf-receiver/signing.js'
import { pushed } from './receiving.js'

const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
const of = (sub_id: object) => ({ sub_id, events: { [`${CAEP}session-revoked`]: {} } })

t.test('every case of test/ssf-receiver: good SETs are answered 202, bad ones 400 with an error code', async (t) => {
  const { to, target, isStatus } = await pushed(t, { settings: { verificationInterval: 86_400_000 } })
  await isStatus('live')
  for await (const { name, passed, said } of runPush(to, target)) t.ok(passed, `${name}: ${said}`)
})

t.test('a stream is live once its verification event was pushed', async (t) => {
  const { transmitter, statuses, isStatus } = await pushed(t, { settings: { verificationInterval: 86_400_000 } })
  await isStatus('live')
  t.strictSame(statuses, ['connecting', 'live'])
  t.match(transmitter.stream?.delivery, { method: 'urn:ietf:rfc:8935', endpoint_url: /\/ssf\/idp$/ })
})

t.test('it is 202 only once what the SET ends is durable, and 503 when it cannot be', async (t) => {
  const { transmitter, to, durable, revoked, isStatus } = await pushed(t)
  await isStatus('connecting')
  const { issuer } = transmitter
  const set = newSet(to, of({ format: 'iss_sub', iss: issuer, sub: 'alice' }))
  durable.now = async () => {
    throw new UnconfirmedRevocation('ERR_REVOCATION_NOT_DURABLE', 'the disk is full')
  }
  t.match(await transmitter.push(set), { status: 503 })
  durable.now = async () => {}
  t.match(await transmitter.push(set), { status: 202, body: '' })
  t.match(revoked, [{ kind: 'subject', id: 'alice', iss: issuer }])
  t.match(await transmitter.push(set), { status: 202 }, 'again')
  t.equal(revoked.length, 1)
})

t.test('what may pass later is 503, a gap, and counted: 400 would be the last of it', async (t) => {
  const { transmitter, to, revoked, source, ahead, isStatus } = await pushed(t, {
    settings: { verificationInterval: 86_400_000 },
  })
  await isStatus('live')
  const user = { format: 'iss_sub', iss: transmitter.issuer, sub: 'alice' }
  const key = newSigningKey()
  t.match(await transmitter.push(newSet({ ...to, key }, of(user))), { status: 503 })
  await isStatus('gap: events that cannot be applied yet: 1')
  const early = newSet(to, { ...of(user), iat: Math.floor(Date.now() / 1000) + 86_400 })
  t.match(await transmitter.push(early), { status: 503 })
  t.match(source.malformed(), { malformed: { key: 1, future: 1 } })
  ahead.now = 90_000_000
  t.match(await transmitter.push(early), { status: 202 })
  await isStatus('live')
  t.match(revoked, [{ id: 'alice' }])
})

t.test('while the transmitter’s keys cannot be fetched SETs are 503', async (t) => {
  const { transmitter, to, revoked, isStatus } = await pushed(t, {
    before: (transmitter) => {
      transmitter.behaviour.hidesKeys = true
    },
  })
  await isStatus('connecting')
  const set = newSet(to, of({ format: 'iss_sub', iss: transmitter.issuer, sub: 'alice' }))
  t.match(await transmitter.push(set), { status: 503 })
  await isStatus('failed: events that cannot be applied yet: 1')
  t.equal(revoked.length, 0)
})

t.test('before the stream is open nothing is judged; whoever does not know the header is not told so', async (t) => {
  const { source, sink, to } = await pushed(t, {
    before: (transmitter) => {
      transmitter.behaviour.down = true
    },
  })
  const notice = {
    path: '/ssf/idp',
    contentType: 'application/secevent+jwt',
    body: newSet(to, of({ format: 'opaque', id: 'x' })),
  }
  const good = { ...notice, authorization: 'Bearer 0123456789abcdef' }
  t.strictSame(await source.receive(good, sink), { status: 503, retryAfter: 5 })
  for (const authorization of [undefined, '', 'Bearer 0123456789abcdeg', 'bearer 0123456789abcdef']) {
    t.match(await source.receive({ ...notice, authorization }, sink), {
      status: 400,
      body: { err: 'authentication_failed' },
    })
  }
})

t.test('a flood of keys that nobody knows causes a bounded number of fetches, and hides no good SET', async (t) => {
  const { transmitter, to, revoked, isStatus } = await pushed(t)
  await isStatus('connecting')
  const user = { format: 'iss_sub', iss: transmitter.issuer, sub: 'alice' }
  const flood = Array.from({ length: 200 }, (_, i) => transmitter.push(newSet(to, of(user), { kid: `k-${i}` })))
  t.strictSame([...new Set((await Promise.all(flood)).map(({ status }) => status))], [503])
  t.ok(transmitter.counts.keys <= 6, `${transmitter.counts.keys} fetches`)
  t.match(await transmitter.push(newSet(to, of(user))), { status: 202 })
  t.equal(revoked.length, 1)
})

t.test('neither a SET nor the header is in what is logged', async (t) => {
  const { transmitter, to, logged, isStatus } = await pushed(t)
  await isStatus('connecting')
  const set = newSet(to, {
    sub_id: { format: 'email', email: 'alice@example.com' },
    events: { [`${CAEP}session-revoked`]: {} },
  })
  t.match(await transmitter.push(set), { status: 400, body: /invalid_request/ })
  t.match(logged.at(-1), { source: 'idp ssf', reason: /format by which tokens cannot be found/ })
  const text = JSON.stringify(logged)
  for (const secret of ['alice@example.com', '0123456789abcdef', set.slice(0, 40)]) t.notOk(text.includes(secret))
})
