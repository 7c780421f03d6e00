import { fileURLToPath } from 'node:url'
import { createClient } from 'redis'
import t from 'tap'
import { moduleStore } from '../../src/sources/persistent/module/store.js'
import { redisMissing, startRedis } from '../services/redis.js'
import { failure, idsOf, listed, startWatch, testContract, token } from '../sources/persistent/contract.js'

/** As a user's configuration names it; tests run from dist/. */
const FILE = fileURLToPath(new URL('../../../examples/redis-store/redis-store.js', import.meta.url))
const skip = redisMissing()

t.test('the contract of every store', { skip }, async (t) => {
  const redis = await startRedis(t)
  const client = await createClient({ url: redis.url }).connect()
  t.teardown(() => client.destroy())
  let prefixes = 0
  testContract(t, async () => {
    const prefix = `[${prefixes++}]*:`
    const store = await moduleStore({ file: FILE, section: { type: 'redis', endpointURL: redis.url, prefix } })
    return {
      store,
      async revoke(id) {
        await client.set(`${prefix}token:${id}`, '3600')
        await client.publish(`${prefix}changes`, JSON.stringify({ kind: 'token', id }))
      },
      remove: async (id) => void (await client.del(`${prefix}token:${id}`)),
    }
  })
})

t.test("the README's commands, a key that ends with its token, and one that stays", { skip }, async (t) => {
  const redis = await startRedis(t)
  const client = await createClient({ url: redis.url }).connect()
  t.teardown(() => client.destroy())
  const store = await moduleStore({ file: FILE, section: { endpointURL: redis.url } })
  const id = '3ad5672a-afca-4387-9ec5-fcf28785f803'
  await client.sendCommand(['SET', `revoked:token:${id}`, '{"expiresAt":4102444800000}', 'PXAT', '4102448700000'])
  await client.set('revoked:planet:mars', '{}')
  await client.set('revoked:subject:timeless', '{}')
  t.strictSame(await listed(store), [token(id, 4_102_444_800_000)])

  await client.set('revoked:token:for-ever', 'true')
  await store.put?.(token('for-ever', Date.now() + 60_000))
  await store.put?.(token('hour', Date.now() + 3_600_000))
  await store.put?.(token('long dead', Date.now() - 7_200_000))
  t.equal(await client.pTTL('revoked:token:for-ever'), -1)
  const hour = await client.pTTL('revoked:token:hour')
  t.ok(hour > 7_200_000 && hour <= 7_500_000, 'longer than the largest timestampSkew')
  t.equal(await client.exists('revoked:token:long dead'), 0)
})

t.test('SIGKILL: listings and puts fail, the watch comes back, and asks for a listing', { skip }, async (t) => {
  const redis = await startRedis(t)
  const store = await moduleStore({ file: FILE, section: { endpointURL: redis.url } })
  const watch = startWatch(t, store)
  await watch?.until(() => watch.states.includes('live'))
  await store.put?.(token('before', undefined))
  await watch?.until(() => watch.ids.has('before'))
  await redis.kill()
  await watch?.until(() => watch.states.at(-1) === 'gap')
  t.match(await failure(listed(store)), { code: 'ERR_STORE_UNREACHABLE' })
  t.match(await failure(store.put?.(token('x', undefined)) ?? Promise.resolve()), { code: 'ERR_STORE_UNREACHABLE' })
  await redis.restart()
  await watch?.until(() => watch.states.at(-1) === 'live')
  await store.put?.(token('after', undefined))
  await watch?.until(() => watch.ids.has('after'))
  t.strictSame(await idsOf(store), ['after', 'before'])
  await watch?.stop()
})

t.test('a URL that is not of Redis is an error that names the module', async (t) => {
  const made = moduleStore({ file: FILE, section: { endpointURL: 'https://localhost:9443/internal/data/v1' } })
  const error = await failure(made)
  t.match(error, { code: 'ERR_STORE_MODULE', message: /redis-store\.js/, cause: { message: /redis:\/\// } })
})
