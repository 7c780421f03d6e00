import t from 'tap'
import { AddressList } from '../../src/proxy/client-address.js'
import { forwardedClient } from '../../src/proxy/forwarded-client.js'

const TRUSTED = new AddressList(['10.0.0.0/8', '2001:db8::/32'])

t.test('the client is the last address that is no trusted proxy’s, in X-Forwarded-For before Forwarded', async (t) => {
  for (const [what, headers, client] of [
    ['none', ['x-other', '192.0.2.1'], undefined],
    ['one', ['X-Forwarded-For', '192.0.2.1'], '192.0.2.1'],
    ['what the client wrote of itself', ['x-forwarded-for', '198.51.100.7, 192.0.2.1'], '192.0.2.1'],
    ['through two proxies', ['x-forwarded-for', '198.51.100.7, 192.0.2.1,10.0.0.2'], '192.0.2.1'],
    ['on several lines', ['x-forwarded-for', '192.0.2.1', 'a', 'b', 'X-Forwarded-For', '10.0.0.2'], '192.0.2.1'],
    ['proxies alone', ['x-forwarded-for', '10.0.0.3, 10.0.0.2'], '10.0.0.3'],
    ['with a port', ['x-forwarded-for', '192.0.2.1:4711'], '192.0.2.1'],
    ['IPv6', ['x-forwarded-for', '2001:DB9::1'], '2001:DB9::1'],
    ['IPv6 with a port', ['x-forwarded-for', '[2001:db9::1]:4711'], '2001:db9::1'],
    ['IPv4 as IPv6', ['x-forwarded-for', '::ffff:192.0.2.1'], '192.0.2.1'],
    ['no address', ['x-forwarded-for', 'unknown'], undefined],
    ['no address behind a proxy', ['x-forwarded-for', '192.0.2.1, unknown, 10.0.0.2'], '10.0.0.2'],
    ['nothing', ['x-forwarded-for', ''], undefined],
    ['Forwarded', ['Forwarded', 'for=192.0.2.1;proto=https'], '192.0.2.1'],
    ['several of Forwarded', ['forwarded', 'for=198.51.100.7, By=10.0.0.9;For="192.0.2.1:80"'], '192.0.2.1'],
    ['IPv6 in Forwarded', ['forwarded', 'proto=http; for="[2001:db9::1]:80", for=10.0.0.2'], '2001:db9::1'],
    ['an element of Forwarded without for', ['forwarded', 'for=192.0.2.1, proto=http'], undefined],
    ['for in a quoted host', ['forwarded', 'host="x;for=6.6.6.6";for=192.0.2.1'], '192.0.2.1'],
    ['an element in a quoted host', ['forwarded', 'for=192.0.2.1;host="x\\",for=6.6.6.6"'], '192.0.2.1'],
    ['quotes that do not end', ['forwarded', 'host="x;for=6.6.6.6, for="192.0.2.1"'], undefined],
    ['both', ['forwarded', 'for=198.51.100.7', 'x-forwarded-for', '192.0.2.1'], '192.0.2.1'],
  ] as const) {
    t.equal(forwardedClient(headers, TRUSTED), client, what)
  }
})
