import t from 'tap'
import { networkOf } from '../../src/server/client-network.js'

t.test('a client is an IPv4 address, or the first 64 bits of an IPv6 address', async (t) => {
  for (const [address, client] of [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['2001:db8::3:4:5:6', '2001:db8:0:0'],
    ['2001:db8:0:1::', '2001:db8:0:1'],
    ['::1', '0:0:0:0'],
    ['fe80::1', 'fe80:0:0:0'],
    ['', ''],
  ] as const) {
    t.equal(networkOf(address), client, address)
  }
})
