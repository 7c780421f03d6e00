import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import { StatusEvents } from '../../src/admin/events.js'
import { silent } from '../../src/logging/index.js'

class Client extends EventEmitter {
  writableNeedDrain = false
  writableEnded = false
  readonly written: string[] = []
  head = 0
  writeHead(status: number) {
    this.head = status
  }
  write(text: string) {
    this.written.push(text)
  }
  end() {
    this.writableEnded = true
  }
}

function events(t: { teardown(end: () => unknown): void }) {
  let asked = 0
  const logger = silent('test')
  const sent = new StatusEvents({ status: async () => ({ asked: ++asked }), interval: 1, logger })
  const clients: Client[] = []
  t.teardown(() => {
    for (const client of clients) client.emit('close')
  })
  const listen = (headers: Record<string, string> = {}, method = 'GET') => {
    const client = new Client()
    const answer = sent.listen({ method, headers } as unknown as IncomingMessage, client as unknown as ServerResponse)
    if (answer === undefined) clients.push(client)
    return { client, answer }
  }
  const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 5))
  return { sent, listen, turn, asked: () => asked }
}

t.test('a listener gets the status at once and then again and again; without listeners nobody is asked', async (t) => {
  const { listen, turn, asked } = events(t)
  const { client } = listen()
  while (client.written.length < 3) await turn()
  t.equal(client.head, 200)
  t.strictSame(client.written.slice(0, 2), ['data: {"asked":1}\n\n', 'data: {"asked":2}\n\n'])
  client.emit('close')
  await turn()
  const before = asked()
  await turn()
  t.equal(asked(), before)
})

t.test('one that reads slowly misses events, the others get them', async (t) => {
  const { listen, turn } = events(t)
  const [slow, fast] = [listen().client, listen().client]
  await turn()
  slow.writableNeedDrain = true
  const before = slow.written.length
  const enough = fast.written.length + 3
  while (fast.written.length < enough) await turn()
  t.equal(slow.written.length, before)
})

t.test('the seventeenth listener, a page of another site and another method are refused', async (t) => {
  const { listen } = events(t)
  t.equal(listen({ 'sec-fetch-site': 'cross-site' }).answer?.status, 403)
  t.equal(listen({ 'sec-fetch-site': 'same-site' }).answer?.status, 403)
  t.equal(listen({}, 'HEAD').answer?.status, 405)
  const first = listen({ 'sec-fetch-site': 'same-origin' })
  for (let i = 0; i < 15; i++) t.equal(listen().answer, undefined)
  t.match(listen().answer, { status: 503, headers: { 'retry-after': '10' } })
  first.client.emit('close')
  t.equal(listen().answer, undefined, 'its place is free again')
})

t.test('a status that cannot be told is logged and does not end the stream', async (t) => {
  let fails = true
  const errors: string[] = []
  const logger = { ...silent('test'), error: (text: string) => void errors.push(text) }
  const status = async () => {
    if (fails) throw new Error('no')
    return {}
  }
  const sent = new StatusEvents({ status, interval: 1, logger })
  const client = new Client()
  const req = { method: 'GET', headers: {} } as unknown as IncomingMessage
  sent.listen(req, client as unknown as ServerResponse)
  while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.equal(errors[0], 'status event failed')
  fails = false
  while (client.written.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  sent.close()
  t.ok(client.writableEnded)
  client.emit('close')
})
