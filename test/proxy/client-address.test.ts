import { Duplex } from 'node:stream'
import t from 'tap'
import { AddressList, announceClient, clientAddress, peerAddress } from '../../src/proxy/client-address.js'

const connection = (remoteAddress?: string) => Object.assign(new Duplex(), { remoteAddress })

t.test('an address is written in one way', async (t) => {
  for (const [written, read] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    [undefined, ''],
  ] as const) {
    t.equal(clientAddress(connection(written)), read)
  }
})

t.test('the client that a load balancer names counts, and its own address is still known', async (t) => {
  const made = connection('10.0.0.1')
  announceClient(made, '::ffff:192.0.2.1')
  t.strictSame([clientAddress(made), peerAddress(made)], ['192.0.2.1', '10.0.0.1'])
})

t.test('a list holds addresses and networks of both families', async (t) => {
  const list = new AddressList(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32', '::1'])
  for (const address of ['10.1.2.3', '192.0.2.1', '2001:db8:1::1', '::1']) t.ok(list.has(address), address)
  for (const address of ['11.0.0.1', '192.0.2.2', '2001:db9::1', '::2', '', 'a']) t.notOk(list.has(address), address)
})
