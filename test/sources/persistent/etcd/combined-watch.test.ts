import t from 'tap'
import { CombinedWatch } from '../../../../src/sources/persistent/etcd/combined-watch.js'

function joined() {
  const said: string[] = []
  const watch = new CombinedWatch({
    revoked: ({ id }) => said.push(`revoked ${id}`),
    state: (status, detail) => said.push(detail === undefined ? status : `${status}: ${detail}`),
    resync: (reason) => said.push(`resync ${reason}`),
  })
  return { watch, said }
}

t.test('two watches are live when both are, and a gap when one is', async (t) => {
  const { watch, said } = joined()
  const [one, two] = [watch.join(), watch.join()]
  one.sink.state('live')
  t.strictSame(said, [], 'the other has not said anything')
  two.sink.state('failed', 'refused')
  two.sink.state('live')
  one.sink.state('gap', 'cut')
  two.sink.state('live')
  one.sink.state('live')
  t.strictSame(said, ['failed: refused', 'live', 'gap: cut', 'gap: cut', 'live'])
})

t.test('what both deliver passes through unchanged', async (t) => {
  const { watch, said } = joined()
  const [one, two] = [watch.join(), watch.join()]
  one.sink.revoked({ kind: 'token', id: 'a', expiresAt: undefined })
  two.sink.revoked({ kind: 'token', id: 'b', expiresAt: undefined })
  two.sink.resync('missed')
  t.strictSame(said, ['revoked a', 'revoked b', 'resync missed'])
})

t.test('a watch that joins delays live until it is live itself; one that has left does not count', async (t) => {
  const { watch, said } = joined()
  const one = watch.join()
  one.sink.state('live')
  const two = watch.join()
  two.sink.state('gap', 'refused')
  two.leave()
  two.sink.state('gap', 'late')
  t.strictSame(said, ['live', 'connecting', 'gap: refused', 'live'])
})
