import t from 'tap'
import type { ToPrimary } from '../../src/gateway/messages.js'
import { HANDOVER_TIMEOUT, outcomeOf, PendingHandovers } from '../../src/gateway/pending-handovers.js'
import { CONFIRMED_WITHIN } from '../../src/gateway/revocations.js'
import { ENFORCED_WITHIN } from '../../src/replication/publisher.js'
import { type Asker, type RevocationRecord, UnconfirmedRevocation } from '../../src/revocation/index.js'

const RECORD: RevocationRecord = { kind: 'token', id: 'some-jti', expiresAt: undefined }
const ASKER: Asker = { via: 'revoke', client: '192.0.2.1', requestId: '7' }

/** A worker's side of the channel, with what it sent. */
function worker(timeout?: number) {
  const sent: ToPrimary[] = []
  let undelivered: () => void = () => undefined
  const handovers = new PendingHandovers({
    send: (message, failed) => {
      sent.push(message)
      undelivered = failed
    },
    ...(timeout === undefined ? {} : { timeout }),
  })
  return { handovers, sent, fail: () => undelivered() }
}

t.test('a hand-over is confirmed by the primary’s answer to it, and by nothing else', async (t) => {
  const { handovers, sent } = worker()
  const first = handovers.revoke(RECORD, ASKER)
  const second = handovers.revoke(undefined, ASKER)
  t.match(sent, [
    { kind: 'revoke', number: 1, record: RECORD, asker: ASKER },
    { kind: 'revoke', number: 2, asker: ASKER },
  ])
  handovers.settle(7, undefined)
  handovers.settle(2, { code: 'ERR_REVOCATION_NOT_DURABLE', message: 'no room' })
  await t.rejects(second, { name: 'UnconfirmedRevocation', code: 'ERR_REVOCATION_NOT_DURABLE', message: 'no room' })
  handovers.settle(1, undefined)
  await first
})

t.test('a primary that does not answer in time has not confirmed', async (t) => {
  const { handovers } = worker(10)
  await t.rejects(handovers.revoke(RECORD, ASKER), { code: 'ERR_REVOCATION_HANDOVER', message: /within 10 ms/ })
})

t.test('a primary that cannot be reached, or is gone, has not confirmed', async (t) => {
  const { handovers, fail } = worker()
  const untold = handovers.revoke(RECORD, ASKER)
  fail()
  await t.rejects(untold, { code: 'ERR_REVOCATION_HANDOVER' })
  const told = [handovers.revoke(RECORD, ASKER), handovers.revoke(RECORD, ASKER)]
  handovers.lost()
  for (const each of told) await t.rejects(each, { code: 'ERR_REVOCATION_HANDOVER' })
})

t.test('a failure at the primary keeps its code on the way to the worker', async (t) => {
  t.strictSame(await outcomeOf(Promise.resolve()), {})
  const unconfirmed = new UnconfirmedRevocation('ERR_REVOCATION_NOT_ENFORCED', 'a worker stands still')
  t.match(await outcomeOf(Promise.reject(unconfirmed)), { failure: { code: 'ERR_REVOCATION_NOT_ENFORCED' } })
  t.match(await outcomeOf(Promise.reject(new Error('boom'))), { failure: { code: 'ERR_REVOCATION_HANDOVER' } })
})

t.test('a worker waits longer than the primary does for its disk, its store and its workers', async (t) => {
  t.ok(HANDOVER_TIMEOUT > Math.max(CONFIRMED_WITHIN, ENFORCED_WITHIN))
})
