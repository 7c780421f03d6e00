import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { answerReload, type Reload } from '../../src/admin/reload.js'
import { Secret } from '../../src/config/index.js'

async function ask(t: Test, reload: Reload, body: string, answeredWithin = 60_000) {
  const server = createServer(async (req, res) => {
    const answer = await answerReload(req, { token: new Secret('admin') }, reload, answeredWithin)
    res.writeHead(answer.status).end(JSON.stringify(answer.body))
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { status } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    method: 'POST',
    headers: { authorization: 'Bearer admin', 'content-type': 'application/json', connection: 'close' },
    body,
  })
  return status
}

t.test('a reload is answered by what came of it, and with 202 while it is still under way', async (t) => {
  const asked: boolean[] = []
  const reload = (succeeded: boolean) => async (workers: boolean) => {
    asked.push(workers)
    return { succeeded }
  }
  t.equal(await ask(t, reload(true), '{}'), 200)
  t.equal(await ask(t, reload(false), '{"workers":true}'), 422)
  t.equal(await ask(t, () => new Promise(() => undefined), '{}', 10), 202)
  t.strictSame(asked, [false, true])
})

t.test('what is no request for a reload changes nothing', async (t) => {
  const reload = async () => t.fail('reloaded') as never
  for (const body of ['', '[]', 'null', '{"workers":1}', '{"worker":true}', '{"workers":true,"more":1}']) {
    t.equal(await ask(t, reload, body), 400, body)
  }
})
