import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'tap'
import { Acknowledger } from '../../../../src/sources/realtime/openwire/acknowledger.js'

function recorded() {
  const sent: [id: string, count: number][] = []
  return { sent, acknowledger: new Acknowledger((id, count) => sent.push([id.toString(), count])) }
}

test('the messages of one turn are acknowledged as one range, up to the last', async (t) => {
  const { sent, acknowledger } = recorded()
  for (const id of ['a', 'b', 'c']) acknowledger.add(Buffer.from(id))
  t.same(sent, [], 'not before the turn is over')
  await turn()
  t.same(sent, [['c', 3]])
  acknowledger.add(Buffer.from('d'))
  await turn()
  await turn()
  t.same(sent, [
    ['c', 3],
    ['d', 1],
  ])
})

test('a long burst is acknowledged in portions, and a flush leaves nothing behind', async (t) => {
  const { sent, acknowledger } = recorded()
  for (let i = 1; i <= 2500; i++) acknowledger.add(Buffer.from(String(i)))
  void acknowledger.end()
  void acknowledger.end()
  await turn()
  t.same(sent, [
    ['1000', 1000],
    ['2000', 1000],
    ['2500', 500],
  ])
})
