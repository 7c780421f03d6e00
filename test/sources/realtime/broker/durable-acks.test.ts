import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { silent } from '../../../../src/logging/index.js'
import { DurableAcks } from '../../../../src/sources/realtime/broker/durable-acks.js'

/** One whose storing is settled by hand, and waited for. */
function recorded(retryDelay = 1) {
  const acknowledged: [last: string, count: number][] = []
  const warnings: string[] = []
  const storing: { resolve(): void; reject(error: Error): void }[] = []
  let asked = (): void => undefined
  const logger = { ...silent('test'), warn: (text: string) => warnings.push(text) }
  const first = new DurableAcks<string>({
    stored: () =>
      new Promise((resolve, reject) => {
        storing.push({ resolve, reject })
        asked()
      }),
    acknowledge: (last, count) => acknowledged.push([last, count]),
    logger,
    retryDelay,
  })
  const next = async () => {
    while (storing.length === 0) {
      await new Promise<void>((resolve) => {
        asked = resolve
      })
    }
    const [one] = storing.splice(0, 1)
    if (one === undefined) throw new Error('nothing is being stored')
    return one
  }
  return { first, acknowledged, warnings, next }
}

t.test('what comes while a batch is stored is the next batch', async (t) => {
  const { first, acknowledged, next } = recorded()
  for (const delivery of ['a', 'b']) first.add(delivery)
  const one = await next()
  first.add('c')
  t.strictSame(acknowledged, [])
  one.resolve()
  const two = await next()
  t.strictSame(acknowledged, [['b', 2]])
  two.resolve()
  await turn()
  t.strictSame(acknowledged.slice(1), [['c', 1]])
})

t.test('while nothing can be stored nothing is acknowledged, with one warning; afterwards all of it is', async (t) => {
  const { first, acknowledged, warnings, next } = recorded()
  first.add('a')
  for (const more of ['b', 'c', 'd']) {
    const attempt = await next()
    first.add(more)
    attempt.reject(new Error('the disk is full'))
  }
  const last = await next()
  t.strictSame(acknowledged, [])
  t.equal(warnings.length, 1)
  last.resolve()
  await turn()
  t.strictSame(acknowledged, [['d', 4]])
})

t.test('end acknowledges what is being stored, and does not wait for what fails or hangs', async (t) => {
  const good = recorded()
  good.first.add('a')
  const attempt = await good.next()
  const ended = good.first.end()
  attempt.resolve()
  await ended
  t.strictSame(good.acknowledged, [['a', 1]])

  const failing = recorded(3_600_000)
  failing.first.add('a')
  const failure = await failing.next()
  failure.reject(new Error('the disk is full'))
  await turn()
  await failing.first.end()
  t.strictSame(failing.acknowledged, [])

  const hanging = recorded()
  hanging.first.add('a')
  const late = await hanging.next()
  await hanging.first.end()
  late.resolve()
  await turn()
  t.strictSame(hanging.acknowledged, [])
})
