import dns, { type LookupAddress, type LookupAllOptions } from 'node:dns'
import { once } from 'node:events'
import { connect, isIP } from 'node:net'
import t, { type Test } from 'tap'
import { SharedLookup } from '../../src/http-client/lookup.js'
import { httpClient, httpServer } from '../support/servers.js'
import { upgradeProxy, webSocketServer } from '../support/web-sockets.js'

type Answered = (error: Error | null, addresses: LookupAddress[]) => void

const LOOPBACK: LookupAddress = { address: '127.0.0.1', family: 4 }

/** Stands in for the system's look-ups: what was asked and waits for its answer, by name, and how often each was asked. */
function standIn(t: Test) {
  const asked: string[] = []
  const waiting = new Map<string, Answered>()
  const system = dns.lookup
  const lookup = (name: string, options: LookupAllOptions, done: Answered) => {
    if (isIP(name) !== 0) return system(name, options, done)
    asked.push(name)
    waiting.set(name, done)
  }
  const answer = (name: string, error: Error | null, ...addresses: LookupAddress[]) => {
    const done = waiting.get(name)
    waiting.delete(name)
    done?.(error, addresses)
  }
  t.intercept(dns, 'lookup', { value: lookup })
  return {
    asked,
    answer,
    fail: (name: string) => answer(name, dead(name)),
    find: (name: string) => answer(name, null, LOOPBACK),
  }
}

function dead(name: string): Error {
  return Object.assign(new Error(`getaddrinfo EAI_AGAIN ${name}`), { code: 'EAI_AGAIN' })
}

t.test('requests and WebSockets to a name that is being looked up share one look-up', async (t) => {
  const { asked, find } = standIn(t)
  const { origin } = await httpServer(t, (_, res) => res.end('ok'))
  const sockets = await webSocketServer(t, (socket) => socket.close())
  const named = (of: string) => of.replace('127.0.0.1', 'shared.example')
  const client = httpClient(t)
  const requests = Array.from({ length: 20 }, () => client.request({ origin: named(origin), path: '/', method: 'GET' }))
  const proxy = await upgradeProxy(t, named(sockets.origin))
  const webSocket = connect(proxy.port, '127.0.0.1')
  const transferred = once(proxy.events, 'ended')
  webSocket.write(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  )
  while (proxy.transfers.length === 0) await new Promise((resolve) => setImmediate(resolve))
  t.strictSame(asked, ['shared.example'])
  const switched = once(webSocket, 'data')
  find('shared.example')
  for (const { statusCode, body } of await Promise.all(requests)) {
    t.equal(statusCode, 200)
    await body.dump()
  }
  t.match(String((await switched)[0]), /^HTTP\/1\.1 101/)
  webSocket.destroy()
  await transferred
})

t.test('a failure is the answer for a second; an address that was found is not kept', async (t) => {
  const { asked, fail, find } = standIn(t)
  let now = 0
  const { lookup } = new SharedLookup(() => now)
  const ask = (all: boolean) =>
    new Promise<unknown>((resolve) => {
      lookup('a.example', { all }, (error, address, family) => resolve(error?.code ?? { address, family }))
    })
  const both = [ask(true), ask(false)]
  fail('a.example')
  t.strictSame(await Promise.all(both), ['EAI_AGAIN', 'EAI_AGAIN'])
  now = 999
  t.equal(await ask(true), 'EAI_AGAIN')
  t.equal(asked.length, 1)
  now = 1_000
  for (const asks of [2, 3]) {
    const found = [ask(true), ask(false)]
    t.equal(asked.length, asks)
    find('a.example')
    t.strictSame(await Promise.all(found), [
      { address: [LOOPBACK], family: undefined },
      { address: LOOPBACK.address, family: LOOPBACK.family },
    ])
  }
})

t.test(
  'of names whose look-ups are slow and fail one is looked up at a time; others do not wait for them',
  async (t) => {
    const { asked, fail, find } = standIn(t)
    let now = 0
    const { lookup } = new SharedLookup(() => now)
    const answers: string[] = []
    const ask = (name: string) =>
      lookup(name, { all: true }, (error) => answers.push(`${name} ${error?.code ?? 'found'}`))
    const askedNow = () => asked.splice(0)
    for (const name of ['a', 'b', 'c']) ask(name)
    t.strictSame(askedNow(), ['a', 'b', 'c'], 'nothing is known of them yet')
    now = 10_000
    for (const name of ['a', 'b', 'c']) fail(name)
    now = 20_000
    for (const name of ['a', 'b', 'c', 'good']) ask(name)
    t.strictSame(askedNow(), ['a', 'good'])
    find('good')
    now = 30_000
    fail('a')
    t.strictSame(askedNow(), ['b'])
    find('b')
    t.strictSame(askedNow(), ['c'])
    for (const name of ['b', 'good']) ask(name)
    t.strictSame(askedNow(), ['b', 'good'], 'a name that was found waits for no other')
    for (const name of ['b', 'good', 'c']) find(name)
    t.strictSame(answers.slice(3), ['good found', 'a EAI_AGAIN', 'b found', 'b found', 'good found', 'c found'])
  },
)

t.test('a dead name waits for a slow one of which nothing is known yet', async (t) => {
  const { asked, fail, find } = standIn(t)
  let now = 0
  const { lookup } = new SharedLookup(() => now)
  const ask = (name: string) => lookup(name, { all: true }, () => undefined)
  ask('dead')
  now = 5_000
  fail('dead')
  ask('slow')
  now = 10_000
  ask('dead')
  t.strictSame(asked, ['dead', 'slow'])
  find('slow')
  t.strictSame(asked, ['dead', 'slow', 'dead'])
})

t.test('an address is its own answer', (t) => {
  new SharedLookup().lookup('127.0.0.1', { all: true }, (error, address) => {
    t.equal(error, null)
    t.strictSame(address, [LOOPBACK])
    t.end()
  })
})
