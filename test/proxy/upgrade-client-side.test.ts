import { once } from 'node:events'
import { Duplex } from 'node:stream'
import t from 'tap'
import { UpgradeClientSide } from '../../src/proxy/upgrade-client-side.js'

t.test('a client that takes nothing once its upstream is gone is cut off, though it goes on sending', async (t) => {
  const socket = new Duplex({ read: () => undefined, write: () => undefined }) // a write that never ends
  const client = new UpgradeClientSide(socket, Buffer.alloc(0), () => true)
  client.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
  const drip = setInterval(() => socket.push('more'), 10)
  t.teardown(() => clearInterval(drip))
  const closed = Promise.all([once(socket, 'close'), once(client, 'close')])
  client.finish(50)
  await closed
})
