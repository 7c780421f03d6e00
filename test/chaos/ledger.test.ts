import t from 'tap'
import { ENDS_WITHIN, ENFORCED_AFTER, HEARD_WITHIN, LISTED_WITHIN } from './gateway-record.js'
import { type Answer, Ledger, type Piece } from './ledger.js'

const GRACE = 1_000
/** Later than all of it. */
const LATER = 60_000

/** A ledger with one gateway, which has listed etcd and knows its list at 10, and one revocation that was published. */
function opened() {
  const ledger = new Ledger(['A'], ['control'], GRACE)
  const gateway = ledger.of('A')
  gateway.spawned(0)
  gateway.askedStore(1)
  gateway.heardStore(2)
  gateway.listening(3)
  ledger.published('one', 'broker', 5)
  const answer = (more: Partial<Answer>) => {
    const at = more.at ?? more.sentAt ?? 0
    ledger.answered({ gateway: 'A', life: gateway.life, token: 'one', status: 401, sentAt: at, at, ...more })
  }
  const passes = (sentAt: number, token = 'one') => answer({ status: 200, sentAt, token })
  const piece = (writtenAt: number, more: Partial<Piece> = {}) =>
    ledger.streamed({ gateway: 'A', life: gateway.life, token: 'one', kind: 'stream', writtenAt, ...more })
  answer({ token: 'control', status: 200, at: 10 })
  const restart = (at: number) => {
    gateway.killed(at)
    gateway.spawned(at)
    gateway.listening(at)
  }
  const found = () => ledger.violations.map(({ what }) => what)
  return { ledger, gateway, answer, passes, piece, restart, found }
}

t.test('a token that passes after its first refusal is a violation, in the same life and in the next', async (t) => {
  for (const restarted of [false, true]) {
    const { answer, passes, restart, found } = opened()
    answer({ at: 100 })
    passes(100 + ENFORCED_AFTER - 1)
    t.same(found(), [], 'another worker may hear of it a little later')
    if (restarted) restart(101 + ENFORCED_AFTER)
    passes(LATER)
    t.match(found(), [/^A let one \(revoked by broker\) pass in life .: it had refused it \d+ ms before$/])
  }
})

t.test('a refusal counts only when its time has passed before the gateway was killed or stopped', async (t) => {
  const killed = opened()
  killed.answer({ at: 100 })
  killed.restart(99 + ENFORCED_AFTER)
  killed.passes(LATER)
  t.same(killed.found(), [])

  for (const what of ['all', 'primary'] as const) {
    const stopped = opened()
    stopped.answer({ at: 100 })
    stopped.gateway.stopped(what, 99 + ENFORCED_AFTER)
    stopped.gateway.resumed(what, 2_000)
    stopped.passes(LATER)
    t.same(stopped.found(), [], what)
  }
})

t.test(
  'what was refused while nothing could be written counts no more after a kill; what was told is the store’s',
  async (t) => {
    for (const reach of ['in reach', 'cut off']) {
      const { ledger, gateway, answer, passes, restart, found } = opened()
      ledger.published('two', '/revoke', 20)
      answer({ at: 100 })
      gateway.diskUnwritable(120, 'has no room')
      ledger.told('A', 1, 'two', 130)
      gateway.diskWritable(9_000)
      restart(10_000)
      if (reach === 'cut off') gateway.cutOff('etcd', 10_000)
      passes(LATER)
      t.same(found(), [], reach)
      passes(LATER, 'two')
      if (reach === 'in reach') t.match(found(), [/two \(revoked by \/revoke\) pass .*: etcd, in reach, had/])
      else t.same(found(), [], 'only the store can tell, and it cannot be asked')
      t.same(ledger.notInEtcd, ['two'])
    }
  },
)

t.test('a primary that stands still writes nothing of what its disk could not take before', async (t) => {
  const { gateway, answer, passes, restart, found } = opened()
  gateway.diskUnwritable(50, 'has no room')
  answer({ at: 100 })
  gateway.diskWritable(1_000)
  gateway.stopped('primary', 1_001)
  gateway.resumed('primary', 20_000)
  restart(20_010)
  passes(LATER)
  t.same(found(), [])
})

t.test('what is refused just after an overlap is in memory only, until the journal is had', async (t) => {
  for (const [refusedAt, violations] of [
    [1_100, 0],
    [4_000, 1],
  ] as const) {
    const { gateway, answer, passes, restart, found } = opened()
    gateway.tookOver(1_000)
    answer({ at: refusedAt })
    restart(refusedAt === 1_100 ? 1_700 : 5_000)
    passes(LATER)
    t.equal(found().length, violations, `refused at ${refusedAt}`)
  }
})

t.test('a header that is damaged may be mended: the journal may stand in', async (t) => {
  const { gateway, answer, found } = opened()
  gateway.killed(100)
  gateway.journalLost(100, 'damaged (header)', () => false, true)
  gateway.spawned(200)
  gateway.cutOff('etcd', 200)
  gateway.listening(210)
  answer({ token: 'control', status: 200, at: 200 + GRACE })
  t.same(found(), [])
})

t.test('what a gateway told as revoked passes no more from that moment on, whatever stands still', async (t) => {
  const { ledger, gateway, passes, found } = opened()
  gateway.stopped('worker', 50)
  ledger.told('A', 1, 'one', 100)
  passes(99)
  t.same(found(), [])
  passes(100)
  t.match(found(), [/it had said "revoked" 0 ms before/])
})

t.test('what a process says while it drains is not asked of the next one', async (t) => {
  const { ledger, gateway, passes, found } = opened()
  gateway.draining(50, 1_000)
  gateway.spawned(60)
  ledger.told('A', 1, 'one', 100)
  gateway.listening(200)
  passes(LATER)
  t.same(found(), [])
})

t.test('what the broker delivered to a subscriber is in force within its time, with no store', async (t) => {
  const { ledger, passes, found } = opened()
  ledger.delivered('A', 'one', 100, 110)
  passes(109 + HEARD_WITHIN)
  t.same(found(), [])
  t.same(ledger.missing('A'), ['one'])
  passes(110 + HEARD_WITHIN)
  t.match(found(), [/the broker had delivered it 5000 ms before/])
})

t.test('a delivery binds only while the way to the broker stays whole', async (t) => {
  const broken = opened()
  broken.ledger.delivered('A', 'one', 100, 110)
  broken.gateway.cutOff('broker', 109 + HEARD_WITHIN)
  broken.passes(LATER)
  t.same(broken.found(), [], 'it broke before')

  const mended = opened()
  mended.gateway.cutOff('broker', 50)
  mended.gateway.cutOff('broker', 60)
  mended.gateway.reconnected('broker', 70)
  mended.ledger.delivered('A', 'one', 100, 110)
  mended.gateway.reconnected('broker', 115)
  mended.ledger.delivered('A', 'one', 114, 120)
  mended.passes(LATER)
  t.same(mended.found(), [], 'it was broken when it was published')

  const kept = opened()
  kept.ledger.delivered('A', 'one', 100, 110)
  kept.gateway.cutOff('broker', 111 + HEARD_WITHIN)
  kept.restart(112 + HEARD_WITHIN + ENFORCED_AFTER)
  kept.passes(LATER)
  t.match(kept.found(), [/the broker had delivered it/], 'it broke later')
})

t.test('what etcd holds is in force within its time, counted from when etcd came into reach', async (t) => {
  const { ledger, gateway, passes, found } = opened()
  ledger.acknowledged('one', 100)
  gateway.cutOff('etcd', 200)
  passes(LATER)
  gateway.reconnected('etcd', LATER)
  passes(LATER + LISTED_WITHIN - 1)
  t.same(found(), [])
  passes(LATER + LISTED_WITHIN)
  t.match(found(), [/etcd, in reach, had had it for 8000 ms/])
})

t.test(
  'what etcd had before a start passes in that life at no time, if etcd was in reach until it was known',
  async (t) => {
    const start = (meanwhile: (book: ReturnType<typeof opened>) => void) => {
      const book = opened()
      book.ledger.acknowledged('one', 100)
      book.gateway.killed(200)
      book.gateway.spawned(300)
      book.gateway.askedStore(310)
      meanwhile(book)
      book.gateway.heardStore(318)
      book.gateway.listening(320)
      book.passes(400)
      return book.found()
    }
    t.match(
      start(() => undefined),
      [/etcd, in reach, had it before this life began/],
    )
    t.same(
      start(({ gateway }) => {
        gateway.cutOff('etcd', 310)
        gateway.reconnected('etcd', 315)
      }),
      [],
      'it was cut off',
    )
    const silent = opened()
    silent.ledger.acknowledged('one', 100)
    silent.restart(200)
    silent.gateway.askedStore(210)
    silent.passes(210 + GRACE)
    t.same(silent.found(), [], 'etcd was silent for as long as the journal has to wait')
  },
)

t.test('whatever passes before anything came from etcd is a violation, unless a journal may stand in', async (t) => {
  for (const [journal, after, violations] of [
    ['kept', GRACE - 1, 1],
    ['kept', GRACE, 0],
    ['lost', LATER, 1],
  ] as const) {
    const { gateway, answer, found } = opened()
    gateway.killed(100)
    if (journal === 'lost') gateway.journalLost(100, 'lost', () => false)
    gateway.spawned(200)
    gateway.cutOff('etcd', 200)
    gateway.listening(210)
    answer({ token: 'control', status: 200, at: 200 + after })
    t.equal(found().length, violations, `${journal}, ${after} ms`)
    if (violations > 0) t.match(found(), [/it could not know its list yet/])
  }
})

t.test('a lost journal takes with it what no store has', async (t) => {
  const { ledger, gateway, answer, passes, found } = opened()
  for (const token of ['two', 'three']) ledger.published(token, '/revoke', 20)
  answer({ at: 100 })
  ledger.told('A', 1, 'two', 100)
  ledger.told('A', 1, 'three', 100)
  ledger.acknowledged('three', 150)
  gateway.killed(2_000)
  gateway.journalLost(2_000, 'damaged', (token) => ledger.isDurable(token))
  gateway.spawned(2_000)
  gateway.askedStore(2_000)
  gateway.heardStore(2_001)
  gateway.listening(2_002)
  passes(LATER)
  passes(LATER, 'two')
  t.same(found(), [])
  passes(LATER, 'three')
  t.equal(found().length, 1)
})

t.test('a worker that stood still may answer what had arrived before; it is excused for no longer', async (t) => {
  const { gateway, answer, passes, found } = opened()
  answer({ at: 100 })
  gateway.stopped('worker', 2_000)
  gateway.resumed('worker', 3_000)
  passes(4_000)
  t.same(found(), [])
  passes(4_001)
  t.equal(found().length, 1)
})

t.test('a stream ends soon after its token had to be refused', async (t) => {
  const { ledger, piece, found } = opened()
  ledger.told('A', 1, 'one', 100)
  piece(99 + ENDS_WITHIN)
  t.same(found(), [])
  piece(100 + ENDS_WITHIN, { kind: 'WebSocket' })
  t.match(found(), [/^A passed on a WebSocket of one \(revoked by broker\): it had said "revoked"/])
})

t.test('all streams end, and nothing passes, when the primary has stood still beyond the lease', async (t) => {
  const { gateway, answer, piece, found } = opened()
  const over = 1_000 + 5_000 + ENDS_WITHIN
  gateway.stopped('primary', 1_000)
  piece(over, { token: 'control' })
  answer({ token: 'control', status: 200, sentAt: over })
  t.same(found(), [])
  piece(over + 1, { token: 'control' })
  answer({ token: 'control', status: 200, sentAt: over + 1 })
  t.match(found(), [/passed on a stream .* lease/, /pass in life 1: the lease of its workers was over/])
})

t.test('nothing passes through what is left of a life that has ended', async (t) => {
  const { gateway, answer, piece, found } = opened()
  gateway.killed(1_000)
  gateway.spawned(1_100)
  piece(1_000 + ENDS_WITHIN, { life: 1 })
  t.same(found(), [])
  piece(1_001 + ENDS_WITHIN, { life: 1 })
  answer({ life: 1, status: 200, token: 'control', sentAt: 1_001 + ENDS_WITHIN })
  t.match(found(), [/passed on a stream .*: life 1 had ended/, /pass in life 1: life 1 had ended/])
})

t.test('an answer of an earlier life neither enforces nor makes known', async (t) => {
  const { ledger, gateway, answer, restart } = opened()
  ledger.acknowledged('one', 90)
  restart(100)
  answer({ at: 210, sentAt: 90, life: 1 })
  answer({ token: 'control', status: 200, at: 210, sentAt: 90, life: 1 })
  t.same(ledger.missing('A'), ['one'])
  t.equal(gateway.knows, false)
})

t.test('a control token may meet 503 until the list is known and after a disturbance, and 401 never', async (t) => {
  const { gateway, answer, found } = opened()
  answer({ token: 'control', status: 503, sentAt: 5, at: 20 })
  gateway.disturbed(1_000, 'has a worker killed')
  answer({ token: 'control', status: 503, at: 1_100 })
  t.same(found(), [])
  answer({ token: 'control', status: 503, at: LATER })
  answer({ token: 'control', status: 401, at: LATER })
  t.same(found(), ['A answered 503 after its list was known', 'A refused a control token'])
})

t.test('a token that nobody revoked must pass, and no status is expected but 200, 401 and 503', async (t) => {
  const { answer, found } = opened()
  answer({ token: 'another', status: 401, at: 20 })
  answer({ status: 502, at: 20 })
  t.same(found(), ['A refused a token that nobody revoked', 'A answered 502'])
})

t.test('only a gateway to which something was done may fail to answer', async (t) => {
  const { gateway } = opened()
  t.equal(gateway.mayBeSilent(1, LATER), false)
  gateway.stopped('worker', LATER)
  t.equal(gateway.mayBeSilent(1, LATER - 1), true)
  gateway.resumed('worker', LATER + 1)
  t.equal(gateway.mayBeSilent(1, LATER + 1_000), true)
  t.equal(gateway.mayBeSilent(1, 2 * LATER), false)
})

t.test('what was promised and is not in etcd is told apart', async (t) => {
  const { ledger } = opened()
  ledger.told('A', 1, 'one', 100)
  t.same(ledger.notInEtcd, ['one'])
  ledger.acknowledged('one', 200)
  t.same(ledger.notInEtcd, [])
})

t.test('a violation comes with the token’s way and what was done around it, and once', async (t) => {
  const { ledger, gateway, answer, passes } = opened()
  ledger.published('other', 'etcd', 50)
  answer({ at: 100 })
  gateway.disturbed(800, 'has a worker killed')
  passes(900)
  passes(950)
  t.equal(ledger.violations.length, 1)
  const [violation] = ledger.violations
  const lines = violation?.timeline.map((line) => line.trim().replace(/^\d+ +/, '')) ?? []
  for (const text of ['* revoked by broker', '* A refuses it (life 1)', 'A has a worker killed', 'A starts (life 1)']) {
    t.ok(lines.includes(text), text)
  }
  t.notMatch(lines.join('\n'), /etcd$/)
})
