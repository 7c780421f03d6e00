import t from 'tap'
import { chooseStore, type StoreChoice, type StoreSettings } from '../../../src/revocation/persistent/store-choice.js'

const HUB = 'https://localhost:9443/internal/data/v1'
const V2 = 'https://127.0.0.1:2379/v2/keys/jti/'
const etcdV2: StoreChoice = {
  kind: 'etcd',
  endpoint: { api: 'v2', servers: ['https://127.0.0.1:2379'], prefix: 'jti/' },
}

t.test("type, and WSO2 3.1's useDefault and hostname, choose the store", async (t) => {
  const cases: [string, StoreSettings, StoreChoice][] = [
    ['the event hub', { type: 'default', endpointURL: HUB }, { kind: 'event-hub', endpointUrl: HUB }],
    ['nothing said', { endpointURL: HUB }, { kind: 'event-hub', endpointUrl: HUB }],
    ['etcd', { type: 'etcd', endpointURL: V2 }, etcdV2],
    ['a hostname wins', { type: 'etcd', endpointURL: HUB, hostname: V2 }, etcdV2],
    ['an empty one does not', { type: 'etcd', endpointURL: V2, hostname: '' }, etcdV2],
    ['a 3.1 file', { useDefault: true, hostname: V2 }, etcdV2],
    ['a 3.1 file of the hub', { useDefault: true, endpointURL: HUB }, { kind: 'event-hub', endpointUrl: HUB }],
    ['a store of its own', { type: 'redis', endpointURL: HUB }, { kind: 'module', type: 'redis' }],
  ]
  for (const [title, settings, expected] of cases) t.strictSame(chooseStore(settings), expected, title)
})

t.test('contradictions are errors', async (t) => {
  for (const settings of [
    { type: 'default', endpointURL: V2 },
    { type: 'etcd', endpointURL: HUB },
    { type: 'etcd' },
    { useDefault: false, endpointURL: HUB },
  ]) {
    t.throws(() => chooseStore(settings), { code: 'ERR_STORE_CONFIG' }, JSON.stringify(settings))
  }
})
