import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../../src/certificates/index.js'
import { silent } from '../../../src/logging/index.js'
import { ListenerRefusals } from '../../../src/metrics/index.js'
import { AddressList } from '../../../src/proxy/index.js'
import { Connections } from '../../../src/server/listeners/connections.js'
import { type ListenerOptions, listen } from '../../../src/server/listeners/listener.js'
import { ProxyProtocol } from '../../../src/server/listeners/proxy-protocol.js'

const LIMITS = { maxHeaderSize: 8_192, maxUriLength: 4_096, timeout: 0, keepAlive: true, maxPipelinedRequests: 10 }

async function listener(t: Test, more: Partial<ListenerOptions>) {
  const refusals = new ListenerRefusals()
  const options = {
    host: '127.0.0.1',
    port: 0,
    limits: LIMITS,
    refusals,
    onRequest: (_: unknown, res: { end(): void }) => res.end(),
  }
  const { port, close } = await listen({ ...options, ...more } as ListenerOptions)
  t.teardown(() => close(0))
  return { port, refusals }
}

/** Sends something and resolves when the connection is closed. */
async function send(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  socket.resume().write(text)
  await once(socket, 'close')
}

t.test('what never reaches an API is counted by its reason', async (t) => {
  const logger = silent('test')
  await t.test('unreadable', async (t) => {
    const { port, refusals } = await listener(t, {})
    await send(port, 'NONSENSE\r\n\r\n')
    await send(port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n')
    t.equal(refusals.of('unreadable'), 2)
    await send(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nNONSENSE')
    t.equal(refusals.of('unreadable'), 2, 'what follows a last request is not read')
  })
  await t.test('slow-request', async (t) => {
    const { port, refusals } = await listener(t, { limits: { ...LIMITS, headersTimeout: 50 } })
    await send(port, 'GET / HTTP/1.1\r\n')
    t.equal(refusals.of('slow-request'), 1)
  })
  await t.test('tls', async (t) => {
    const { key, cert } = await ensureSelfSigned(t.testdir({}))
    const { port, refusals } = await listener(t, { tls: { key, cert, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } })
    await send(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    t.equal(refusals.of('tls'), 1)
  })
  await t.test('limit and client-limit', async (t) => {
    for (const [reason, limits] of [
      ['limit', { most: 1, mostOfClient: Number.POSITIVE_INFINITY }],
      ['client-limit', { most: Number.POSITIVE_INFINITY, mostOfClient: 1 }],
    ] as const) {
      let begun = () => {}
      const isBegun = new Promise<void>((resolve) => {
        begun = resolve
      })
      // Never answered: an idle connection would make room.
      const { port, refusals } = await listener(t, { connections: new Connections(limits, logger), onRequest: begun })
      const first = connect(port, '127.0.0.1').on('error', () => undefined)
      t.teardown(() => first.destroy())
      first.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await isBegun
      await send(port, '')
      t.equal(refusals.of(reason), 1)
    }
  })
  await t.test('proxy-protocol', async (t) => {
    const proxyProtocol = new ProxyProtocol(new AddressList(['192.0.2.1']), logger)
    const { port, refusals } = await listener(t, { proxyProtocol })
    await send(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    t.equal(refusals.of('proxy-protocol'), 1)
  })
})
