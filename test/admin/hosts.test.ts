import t from 'tap'
import { isMeantHost } from '../../src/admin/hosts.js'

t.test('localhost, addresses and configured names are meant, in any letter case and with any port', async (t) => {
  const named = new Set(['gateway.example', '0.0.0.0'])
  for (const host of [
    undefined,
    'localhost',
    'LocalHost:80',
    'localhost.',
    'a.localhost',
    '127.0.0.1',
    '127.0.0.1:9797',
    '192.0.2.7:1',
    '[::1]',
    '[fe80::1]:9797',
    'gateway.example',
    'Gateway.Example:9797',
    'gateway.example.',
  ]) {
    t.ok(isMeantHost(host, named), host ?? 'none')
  }
  for (const host of [
    '',
    'rebound.example',
    'localhost.example',
    'notlocalhost',
    '127.0.0.1.example',
    '1.2.3.4.5',
    'gateway.example.evil',
    'a.gateway.example',
    '[localhost]',
    '::1',
    'localhost:',
    'localhost:1:2',
    'localhost:123456',
    'user@localhost',
    'localhost/',
    '[::1',
  ]) {
    t.notOk(isMeantHost(host, named), host)
  }
})
