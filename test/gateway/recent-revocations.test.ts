import { createHash } from 'node:crypto'
import t from 'tap'
import { RecentRevocations } from '../../src/gateway/recent-revocations.js'
import { RevocationList } from '../../src/revocation/index.js'
import { Fingerprinter } from '../../src/token/index.js'

const NOW = Date.UTC(2026, 0, 1)

function setUp() {
  const retained = { now: NOW }
  const options = { fingerprints: Fingerprinter.random(), timestampSkew: 0, retention: 3_600_000 }
  const list = new RevocationList({ ...options, retained: () => retained.now })
  return { recent: new RecentRevocations(list), list, retained }
}

t.test('the last twenty that are new are remembered, the newest first, by a hash', async (t) => {
  const { recent, list } = setUp()
  for (let i = 0; i < 25; i++) recent.add({ kind: 'token', id: `jti-${i}`, expiresAt: undefined }, 'etcd', NOW + i)
  t.equal(list.size.tokens, 25)
  t.strictSame(
    recent.all.map(({ at }) => at - NOW),
    Array.from({ length: 20 }, (_, i) => 24 - i),
  )
  const hash = createHash('sha256').update('jti-24').digest('hex').slice(0, 12)
  t.strictSame(recent.all[0], { at: NOW + 24, kind: 'token', source: 'etcd', hash })
})

t.test('a rule has no hash: who is meant could be guessed', async (t) => {
  const { recent } = setUp()
  recent.add({ kind: 'subject', id: 'alice', revokedBefore: NOW, expiresAt: undefined }, 'gateway', NOW)
  t.strictSame(recent.all, [{ at: NOW, kind: 'subject', source: 'gateway' }])
})

t.test('what is known already, or is only kept for longer, is not new', async (t) => {
  const { recent, retained } = setUp()
  const record = { kind: 'token', id: 'a', expiresAt: undefined } as const
  recent.add(record, 'etcd', NOW)
  recent.add(record, 'amqp', NOW + 5_000)
  retained.now = NOW + 7 * 86_400_000
  recent.add(record, 'etcd', retained.now)
  t.strictSame(
    recent.all.map(({ source }) => source),
    ['etcd'],
  )
})
