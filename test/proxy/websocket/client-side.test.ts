import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ClientSide } from '../../../src/proxy/websocket/client-side.js'

t.test('a client that takes nothing once its upstream is gone is cut off, though it goes on sending', async (t) => {
  const socket = new Duplex({ read: () => undefined, write: () => undefined }) // a write that never ends
  const client = new ClientSide(socket, Buffer.alloc(0), () => true)
  client.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
  const drip = setInterval(() => socket.push('more'), 10)
  t.teardown(() => clearInterval(drip))
  const closed = Promise.all([once(socket, 'close'), once(client, 'close')])
  client.finish(50)
  await closed
})

t.test('data buffered for a slow upstream is dropped once the check refuses', async (t) => {
  for (const how of ['may not go on', 'is closed']) {
    let goesOn = true
    const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
    const client = new ClientSide(socket, Buffer.alloc(0), () => goesOn)
    client.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    const taken: string[] = []
    client.on('data', (chunk: Buffer) => taken.push(String(chunk)))
    socket.push('first')
    await setImmediate()
    client.pause() // its upstream is slow
    socket.push('held back')
    await setImmediate()
    if (how === 'is closed') client.closeWith(1_008, () => undefined)
    else goesOn = false
    client.resume()
    await setImmediate()
    t.strictSame(taken, ['first'], how)
    client.reset()
  }
})

t.test('a close of a client that has left, with data buffered for a slow upstream, needs nothing more', async (t) => {
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() })
  const client = new ClientSide(socket, Buffer.alloc(0), () => true)
  client.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
  socket.push('held back')
  socket.push(null)
  await once(socket, 'end')
  socket.end()
  await once(socket, 'close')
  t.notOk(client.destroyed)
  const closed = once(client, 'close')
  let sent = 0
  client.closeWith(1_008, () => sent++)
  await closed
  t.equal(sent, 1)
  client.closeWith(1_008, () => sent++)
  t.equal(sent, 2)
})
