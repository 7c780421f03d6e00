import t from 'tap'
import { UnconfirmedRevocation } from '../../../src/revocation/index.js'
import { runPoll } from '../../ssf-receiver/run.js'
import { newSet, newSigningKey } from '../../ssf-receiver/signing.js'
import { polling } from './receiving.js'

const REVOKED = { 'https://schemas.openid.net/secevent/caep/event-type/session-revoked': {} }
const of = (issuer: string, sub: string) => ({ sub_id: { format: 'iss_sub', iss: issuer, sub }, events: REVOKED })

t.test('every case of test/ssf-receiver: good SETs are acknowledged, bad ones refused', async (t) => {
  const { to, transmitter, source } = await polling(t)
  for (const { name, passed, said } of await runPoll(to, transmitter, 20_000)) t.ok(passed, `${name}: ${said}`)
  t.match(source.malformed()?.malformed, { issuer: 1, audience: 2, 'subject-narrowed': 2, signature: Number })
})

t.test('what a poll brings is revoked, of the configured issuer alone', async (t) => {
  const { transmitter, revoked, until, isStatus } = await polling(t)
  await isStatus('live')
  const { issuer } = transmitter
  const session = {
    format: 'complex',
    user: { format: 'iss_sub', iss: issuer, sub: 'bob' },
    session: { format: 'opaque', id: 's1' },
  }
  transmitter.send(of(issuer, 'alice'))
  transmitter.send({ sub_id: session, events: REVOKED })
  await until(() => revoked.length === 2)
  t.match(revoked, [
    { kind: 'subject', id: 'alice', iss: issuer },
    { kind: 'session', id: 's1', iss: issuer, revokedBefore: 8.64e15 },
  ])
  t.equal(
    Number('revokedBefore' in (revoked[0] ?? {}) && (revoked[0] as { revokedBefore: number }).revokedBefore) % 1000,
    0,
  )
})

t.test('what waited while the receiver was away is read before the stream is live', async (t) => {
  const { statuses, revoked, isStatus, transmitter } = await polling(t, {
    before: (transmitter) => {
      for (let i = 0; i < 150; i++) transmitter.send(of(transmitter.issuer, `user-${i}`))
    },
  })
  await isStatus('live')
  t.equal(revoked.length, 150)
  t.strictSame(statuses, ['connecting', 'live'])
  await transmitter.until(() => transmitter.acknowledged.size === 150)
  t.equal(transmitter.waiting.size, 0)
})

t.test('more in one answer than was asked for is a backlog, too', async (t) => {
  const { statuses, revoked, isStatus, transmitter } = await polling(t, {
    before: (transmitter) => {
      transmitter.behaviour.ignoresMaxEvents = true
      for (let i = 0; i < 150; i++) transmitter.send(of(transmitter.issuer, `user-${i}`))
    },
  })
  await isStatus('live')
  t.equal(revoked.length, 150)
  t.strictSame(statuses, ['connecting', 'live'])
  await transmitter.until(() => transmitter.acknowledged.size === 150)
})

t.test('a SET is acknowledged only once what it ends is durable', async (t) => {
  const { transmitter, durable, revoked, isStatus, status } = await polling(t)
  await isStatus('live')
  let keep = () => {}
  const asked = new Promise<void>((resolve) => {
    durable.now = () => {
      resolve()
      return new Promise<void>((kept) => {
        keep = kept
      })
    }
  })
  const jti = transmitter.send(of(transmitter.issuer, 'alice'))
  await asked
  t.equal(transmitter.acknowledged.size, 0)
  durable.now = async () => {
    throw new UnconfirmedRevocation('ERR_REVOCATION_NOT_DURABLE', 'the disk is full')
  }
  transmitter.send(of(transmitter.issuer, 'bob'))
  keep()
  await isStatus('gap: the disk is full')
  t.strictSame(
    [...transmitter.acknowledged].filter((each) => each !== jti),
    [],
  )
  durable.now = async () => {}
  await isStatus('live')
  await transmitter.until(() => transmitter.acknowledged.size === 2)
  t.match(revoked, [{ id: 'alice' }, { id: 'bob' }])
  t.equal(status(), 'live')
})

t.test(
  'an acknowledgement that is lost brings the SET again, which is acknowledged again and revokes nothing more',
  async (t) => {
    const { transmitter, revoked, isStatus } = await polling(t)
    await isStatus('live')
    transmitter.behaviour.losesAcks = true
    const jti = transmitter.send(of(transmitter.issuer, 'alice'))
    await transmitter.until(() => transmitter.acknowledged.delete(jti))
    await transmitter.until(() => transmitter.acknowledged.delete(jti))
    t.equal(revoked.length, 1)
    transmitter.behaviour.losesAcks = false
    transmitter.behaviour.cuts = true
    await isStatus('gap')
    transmitter.behaviour.cuts = false
    await isStatus('live')
    t.equal(revoked.length, 1)
  },
)

t.test(
  'a transmitter that always has more is polled at our pace once nothing new comes, and is not live',
  async (t) => {
    const { transmitter, revoked, statuses } = await polling(t, {
      settings: { pollInterval: 3_600_000 },
      before: (transmitter) => {
        Object.assign(transmitter.behaviour, { alwaysMore: true, losesAcks: true })
        for (let i = 0; i < 3; i++) transmitter.send(of(transmitter.issuer, `user-${i}`))
      },
    })
    await transmitter.until(() => transmitter.counts.polls === 2)
    t.equal(revoked.length, 3)
    t.notOk(await transmitter.until(() => transmitter.counts.polls > 2, 100), 'one brought something new, one did not')
    t.strictSame(statuses, ['connecting'])
  },
)

t.test('a 401 is answered by a new access token and the same request once more', async (t) => {
  const { transmitter, statuses, revoked, until, isStatus } = await polling(t)
  await isStatus('live')
  const tokens = transmitter.counts.tokens
  transmitter.renewToken()
  transmitter.send(of(transmitter.issuer, 'alice'))
  await until(() => revoked.length === 1)
  t.equal(transmitter.counts.tokens, tokens + 1)
  t.strictSame(statuses, ['connecting', 'live'], 'nobody notices')
  transmitter.behaviour.unauthorized = 2
  await isStatus('gap: http')
  t.match(statuses.at(-1), /answered 401: correct clientId, clientSecret or scopes/)
  await isStatus('live')
})

t.test('an answer that is too long is asked for in smaller parts', async (t) => {
  const { revoked, isStatus, statuses } = await polling(t, {
    before: (transmitter) => {
      transmitter.behaviour.padding = 150_000
      for (let i = 0; i < 100; i++) transmitter.send(of(transmitter.issuer, `user-${i}`))
    },
  })
  await isStatus('live')
  t.equal(revoked.length, 100)
  t.match(
    statuses.find((each) => each.startsWith('failed')),
    /more than 5242880 bytes/,
  )
})

t.test('a transmitter that answers nothing is a gap, and is tried again', async (t) => {
  const { transmitter, statuses, isStatus, revoked, until } = await polling(t, {
    before: (transmitter) => {
      transmitter.behaviour.down = true
    },
  })
  await isStatus('failed')
  transmitter.behaviour.down = false
  await isStatus('live')
  transmitter.behaviour.down = true
  await isStatus('gap')
  t.match(statuses.at(-1), /answered 503/)
  transmitter.send(of(transmitter.issuer, 'alice'))
  transmitter.behaviour.down = false
  await until(() => revoked.length === 1)
})

t.test('the metadata of another issuer are not used, and nothing is sent to it', async (t) => {
  const { transmitter, status, isStatus } = await polling(t, {
    before: (transmitter) => {
      transmitter.behaviour.metadataIssuer = 'https://else.example.com'
    },
  })
  await isStatus('failed')
  t.match(status(), /names another issuer/)
  t.equal(transmitter.counts.tokens, 0)
})

t.test('a stream is created once and found again; another’s is never adopted', async (t) => {
  const { transmitter, isStatus } = await polling(t)
  await isStatus('live')
  const shared = transmitter
  const again = await polling(t, { shared })
  await again.isStatus('live')
  t.equal(transmitter.counts.created, 1)
  const other = await polling(t, { shared, settings: { description: 'another gateway' } })
  await other.isStatus('failed')
  t.match(other.status(), /a stream of another description.*streamId/)
  const named = await polling(t, {
    shared,
    settings: { description: 'another gateway', streamId: transmitter.stream?.id },
  })
  await named.isStatus('live')
  t.equal(transmitter.counts.created, 1)
})

t.test('a stream that the transmitter pauses or disables is a gap, and is enabled again', async (t) => {
  for (const status of ['paused', 'disabled'] as const) {
    const { transmitter, statuses, isStatus, until } = await polling(t)
    await isStatus('live')
    transmitter.update(status)
    await until(() => statuses.includes(`gap: the transmitter has ${status} the stream`))
    await isStatus('live')
    t.equal(transmitter.counts.enabled, 1)
    t.equal(transmitter.stream?.status, 'enabled')
  }
})

t.test('a stream that lacks events says so, with the remedy, while it is live', async (t) => {
  const { logged, status, isStatus } = await polling(t, {
    before: ({ behaviour }) => {
      Object.assign(behaviour, { startsEmpty: true, undelivered: Object.keys(REVOKED) })
    },
  })
  await isStatus('live')
  t.match(
    status(),
    /default_subjects is NONE\): add the users.*change the default.*does not deliver .*session-revoked: allow them/,
  )
  t.match(logged, [{ stream: String }, { reason: /default_subjects/ }, { reason: /session-revoked/ }])
})

t.test('a verification event is asked for; another state is refused, and none in time is a gap', async (t) => {
  const { transmitter, isStatus } = await polling(t, { settings: { verificationInterval: 86_400_000 } })
  await isStatus('live')
  await transmitter.until(() => transmitter.acknowledged.size === 1)
  t.equal(transmitter.counts.verifications, 1)
  const wrong = await polling(t, {
    settings: { verificationInterval: 86_400_000 },
    before: (transmitter) => {
      transmitter.behaviour.verification = 'wrong'
    },
  })
  await wrong.transmitter.until(() => wrong.transmitter.refused.size === 1)
  t.match([...wrong.transmitter.refused.values()], [{ err: 'invalid_state' }])
})

t.test(
  'what cannot be judged yet is neither acknowledged nor refused, keeps no other SET from coming, and is a gap',
  async (t) => {
    const { transmitter, ahead, revoked, isStatus } = await polling(t)
    await isStatus('live')
    const tomorrow = Math.floor(Date.now() / 1000) + 86_400
    const early = transmitter.send({ ...of(transmitter.issuer, 'alice'), iat: tomorrow })
    await isStatus('gap: events that cannot be applied yet: 1')
    const good = transmitter.send(of(transmitter.issuer, 'bob'))
    await transmitter.until(() => transmitter.acknowledged.has(good))
    t.notOk(transmitter.acknowledged.has(early) || transmitter.refused.has(early))
    ahead.now = 90_000_000
    await isStatus('live')
    t.match(revoked, [{ id: 'bob' }, { id: 'alice' }])
  },
)

t.test(
  'while the transmitter’s keys cannot be fetched SETs are neither acknowledged nor refused, however many and however long',
  async (t) => {
    const { transmitter, revoked, statuses, isStatus, skipped } = await polling(t, {
      before: (transmitter) => {
        transmitter.behaviour.hidesKeys = true
      },
    })
    const pad = 'x'.repeat(40_000)
    const big = 120 // of 54 kB each: longer than an answer may be without them
    for (let i = 0; i < big; i++) transmitter.send({ ...of(transmitter.issuer, `big-${i}`), pad })
    await isStatus(`failed: events that cannot be applied yet: ${big}`)
    const small = 1_100 - big
    for (let i = 0; i < small; i++) transmitter.send(of(transmitter.issuer, `user-${i}`))
    await isStatus('failed: events that cannot be applied yet: 1000')
    skipped.now += 86_400_000
    const { polls } = transmitter.counts
    await transmitter.until(() => transmitter.counts.polls > polls + 2)
    t.equal(transmitter.refused.size + transmitter.acknowledged.size, 0)
    t.notOk(statuses.some((each) => /bytes/.test(each)))
    transmitter.behaviour.hidesKeys = false
    skipped.now += 60_000
    await isStatus('live')
    t.equal(revoked.length, 1_100)
    t.equal(transmitter.refused.size, 0)
  },
)

t.test('a SET by a new key is neither acknowledged nor refused while the keys cannot be fetched again', async (t) => {
  const { transmitter, to, revoked, isStatus, skipped } = await polling(t)
  await isStatus('live')
  transmitter.behaviour.hidesKeys = true
  const key = newSigningKey()
  transmitter.sendRaw('rotated', newSet({ ...to, key }, { jti: 'rotated', ...of(transmitter.issuer, 'alice') }))
  await isStatus('gap: events that cannot be applied yet: 1')
  skipped.now += 86_400_000
  const { polls } = transmitter.counts
  await transmitter.until(() => transmitter.counts.polls > polls + 1)
  t.equal(transmitter.refused.size, 0)
  transmitter.keys.push(key)
  transmitter.behaviour.hidesKeys = false
  await isStatus('live')
  t.match(revoked, [{ id: 'alice' }])
})

t.test('a key that appears nowhere is refused after ten minutes in which it could be looked for', async (t) => {
  const { transmitter, to, isStatus, skipped } = await polling(t)
  await isStatus('live')
  const key = newSigningKey()
  transmitter.sendRaw('unknown', newSet({ ...to, key }, { jti: 'unknown', ...of(transmitter.issuer, 'alice') }))
  await isStatus('gap: events that cannot be applied yet: 1')
  t.notOk(transmitter.refused.has('unknown'))
  skipped.now += 600_000
  await transmitter.until(() => transmitter.refused.has('unknown'))
  t.match(transmitter.refused.get('unknown'), { err: 'invalid_key' })
  await isStatus('live')
})
