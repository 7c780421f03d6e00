import t from 'tap'
import { type Answer, Ledger } from './ledger.js'

/** A ledger with one gateway that knows its list and one revocation that was published. */
function ledger(): { ledger: Ledger; answer(more: Partial<Answer>): void } {
  const ledger = new Ledger(['A'], ['control'])
  ledger.started('A', 0)
  ledger.published('one', 'broker')
  const answer = (more: Partial<Answer>) => {
    const at = more.at ?? more.sentAt ?? 0
    ledger.answered({ gateway: 'A', life: 1, token: 'one', status: 401, sentAt: at, at, ...more })
  }
  answer({ token: 'control', status: 200, at: 10 })
  return { ledger, answer }
}

t.test('a token that passes 50 ms after its first refusal is a violation, in the same life or the next', async (t) => {
  for (const restarted of [false, true]) {
    const { ledger: book, answer } = ledger()
    answer({ at: 100 })
    if (restarted) {
      book.killed('A', 151)
      book.started('A', 200)
    }
    answer({ status: 200, sentAt: 300, life: restarted ? 2 : 1 })
    t.equal(book.violations.length, 1)
    t.match(book.violations[0], /let one \(published to broker\) pass/)
  }
})

t.test('a refusal counts only when 50 ms have passed before the gateway was killed or frozen', async (t) => {
  const killed = ledger()
  killed.answer({ at: 100 })
  killed.ledger.killed('A', 149)
  killed.ledger.started('A', 200)
  killed.answer({ status: 200, sentAt: 300, life: 2 })
  t.same(killed.ledger.violations, [])

  const frozen = ledger()
  frozen.answer({ at: 100 })
  frozen.ledger.frozen('A', 149)
  frozen.ledger.thawed('A', 2_000)
  frozen.answer({ status: 200, sentAt: 2_010 })
  t.same(frozen.ledger.violations, [])
})

t.test('an answer of an earlier life neither enforces nor makes known', async (t) => {
  const { ledger: book, answer } = ledger()
  book.acknowledged('one')
  book.killed('A', 100)
  book.started('A', 200)
  answer({ at: 210, sentAt: 90, life: 1 })
  answer({ token: 'control', status: 200, at: 210, sentAt: 90, life: 1 })
  t.same(book.missing('A'), ['one'])
  t.equal(book.known('A'), false)
})

t.test('what etcd acknowledged is missing until it is refused; what only the broker had is not', async (t) => {
  const { ledger: book, answer } = ledger()
  t.same(book.missing('A'), [])
  book.acknowledged('one')
  t.same(book.missing('A'), ['one'])
  answer({ at: 100 })
  t.same(book.missing('A'), [])
})

t.test('a control token may meet 503 only until the list is known, and 401 never', async (t) => {
  const { ledger: book, answer } = ledger()
  answer({ token: 'control', status: 503, sentAt: 5, at: 20 })
  t.same(book.violations, [], 'it was sent before')
  answer({ token: 'control', status: 503, at: 30 })
  answer({ token: 'control', status: 401, at: 30 })
  t.same(book.violations, ['A answered 503 after its list was known', 'A refused a control token'])
  book.killed('A', 40)
  book.started('A', 50)
  answer({ token: 'control', status: 503, at: 60, life: 2 })
  t.equal(book.violations.length, 2, 'a new life begins without knowing')
})

t.test('a token that nobody revoked must pass, and no status is expected but 200, 401 and 503', async (t) => {
  const { ledger: book, answer } = ledger()
  answer({ token: 'another', status: 401, at: 20 })
  answer({ status: 502, at: 20 })
  t.same(book.violations, ['A refused a token that nobody revoked', 'A answered 502'])
})

t.test('only a gateway to which something was done since may fail to answer', async (t) => {
  const { ledger: book } = ledger()
  t.equal(book.excused('A', 1, 100), false)
  book.frozen('A', 200)
  t.equal(book.excused('A', 1, 100), true)
  book.thawed('A', 300)
  t.equal(book.excused('A', 1, 250), true)
  t.equal(book.excused('A', 1, 400), false)
})
