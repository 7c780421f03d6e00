import t from 'tap'
import { chooseStore, type StoreChoice, type StoreSettings } from '../../../src/sources/persistent/open.js'

const HUB = 'https://localhost:9443/internal/data/v1'
const V2 = 'https://127.0.0.1:2379/v2/keys/jti/'
const etcdV2: StoreChoice = {
  kind: 'etcd',
  endpoint: { api: 'v2', servers: ['https://127.0.0.1:2379'], prefix: 'jti/' },
}

t.test('type chooses the store, or else the endpoint', async (t) => {
  const cases: [string, StoreSettings, StoreChoice][] = [
    ['the event hub', { type: 'default', endpointURL: HUB }, { kind: 'event-hub', endpointUrl: HUB }],
    ['nothing said', { endpointURL: HUB }, { kind: 'event-hub', endpointUrl: HUB }],
    ['etcd', { type: 'etcd', endpointURL: V2 }, etcdV2],
    ['spaces around it', { type: 'etcd', endpointURL: ` ${V2} ` }, etcdV2],
    ["etcd's keys, and no type", { endpointURL: V2 }, etcdV2],
    ['a store of its own', { type: 'redis', endpointURL: HUB }, { kind: 'module', type: 'redis' }],
  ]
  for (const [title, settings, expected] of cases) t.strictSame(chooseStore(settings), expected, title)
})

t.test('a type that contradicts the endpoint is ERR_STORE_CONFIG', async (t) => {
  for (const settings of [{ type: 'default', endpointURL: V2 }, { type: 'etcd', endpointURL: HUB }, { type: 'etcd' }]) {
    t.throws(() => chooseStore(settings), { code: 'ERR_STORE_CONFIG' }, JSON.stringify(settings))
  }
})
