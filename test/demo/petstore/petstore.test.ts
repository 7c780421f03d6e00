import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Test, test } from 'tap'
import { startPetstore } from '../../../src/demo/petstore/petstore.js'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

type Calls = (method: string, path: string, body?: unknown) => Promise<Answer>

async function petstore(t: Test): Promise<{ call: Calls; port: number }> {
  const { url, port, close } = await startPetstore({ port: 0 })
  t.teardown(close)
  const call: Calls = async (method, path, body) => {
    const content = body instanceof URLSearchParams || typeof body === 'string' ? body : JSON.stringify(body)
    const response = await fetch(url + path, { method, ...(body === undefined ? {} : { body: content }) })
    const received = await response.text()
    return { status: response.status, headers: response.headers, body: received === '' ? '' : JSON.parse(received) }
  }
  return { call, port }
}

test('there are pets to begin with, found by status and by tag', async (t) => {
  const { call } = await petstore(t)
  const available = await call('GET', '/pet/findByStatus?status=available')
  t.equal(available.status, 200)
  t.equal(available.headers.get('content-type'), 'application/json')
  t.match(available.body, [{ id: 1, name: 'Minka', status: 'available', category: { name: 'Cats' } }, {}, {}])
  t.match((await call('GET', '/pet/findByStatus?status=pending,sold')).body, [{ name: 'Tom' }, { name: 'Bubbles' }])
  t.match((await call('GET', '/pet/findByStatus?status=pending&status=sold')).body, [{}, {}])
  t.match((await call('GET', '/pet/findByTags?tags=quiet')).body, [{ name: 'Bubbles' }])
  t.same((await call('GET', '/pet/findByTags?tags=unknown')).body, [])
  t.equal((await call('GET', '/pet/findByStatus?status=eaten')).status, 400)
  t.equal((await call('GET', '/pet/findByStatus')).status, 400)
})

test('a pet is created, read, updated in both ways, given a picture and deleted', async (t) => {
  const { call } = await petstore(t)
  const created = await call('POST', '/pet', {
    id: 0,
    name: 'Nemo',
    photoUrls: ['a'],
    tags: [{ id: 1, name: 'orange' }],
  })
  t.match(created, { status: 200, body: { name: 'Nemo', status: 'available', tags: [{ name: 'orange' }] } })
  const { id } = created.body as { id: number }
  t.same((await call('GET', `/pet/${id}`)).body, created.body)
  t.match((await call('PUT', '/pet', { id, name: 'Nemo', photoUrls: [], status: 'pending' })).body, {
    status: 'pending',
  })
  await call('POST', `/pet/${id}`, new URLSearchParams({ name: 'Dory', status: 'sold' }))
  t.match((await call('GET', `/pet/${id}`)).body, { name: 'Dory', status: 'sold' })
  t.match((await call('POST', `/pet/${id}/uploadImage`, 'x'.repeat(100_000))).body, {
    message: '100000 bytes uploaded',
  })
  t.equal((await call('DELETE', `/pet/${id}`)).status, 200)
  t.equal((await call('GET', `/pet/${id}`)).status, 404)
})

test('the inventory counts pets, and orders are placed, read and deleted', async (t) => {
  const { call } = await petstore(t)
  t.same((await call('GET', '/store/inventory')).body, { available: 3, pending: 1, sold: 1 })
  const order = { petId: 1, quantity: 2, shipDate: '2030-01-01T00:00:00.000Z', status: 'placed', complete: true }
  const placed = await call('POST', '/store/order', order)
  t.same(placed.body, { id: 1, ...order })
  t.same((await call('GET', '/store/order/1')).body, placed.body)
  t.equal((await call('DELETE', '/store/order/1')).status, 200)
  t.equal((await call('GET', '/store/order/1')).status, 404)
})

test('users are created one by one and in lists, log in, change and leave; passwords are never answered', async (t) => {
  const { call } = await petstore(t)
  await call('POST', '/user', { username: 'ann', password: 'a-secret', email: 'ann@example.com' })
  await call('POST', '/user/createWithArray', [{ username: 'bob' }, { username: 'eve' }])
  await call('POST', '/user/createWithList', [{ username: 'dan' }])
  for (const name of ['bob', 'eve', 'dan']) t.equal((await call('GET', `/user/${name}`)).status, 200)
  const ann = await call('GET', '/user/ann')
  t.match(ann.body, { username: 'ann', email: 'ann@example.com' })
  t.notMatch(JSON.stringify(ann.body), 'a-secret')
  const login = await call('GET', '/user/login?username=ann&password=a-secret')
  t.equal(login.status, 200)
  t.ok(login.headers.get('x-expires-after'))
  t.equal((await call('GET', '/user/login?username=ann&password=wrong')).status, 400)
  t.equal((await call('GET', '/user/login?username=nobody&password=')).status, 400)
  t.equal((await call('GET', '/user/logout')).status, 200)
  await call('PUT', '/user/ann', { username: 'anna' })
  t.match((await call('GET', '/user/anna')).body, { email: 'ann@example.com' })
  t.equal((await call('GET', '/user/ann')).status, 404)
  t.equal((await call('DELETE', '/user/anna')).status, 200)
  t.equal((await call('DELETE', '/user/anna')).status, 404)
})

test('an invalid request gets the matching status', async (t) => {
  const { call } = await petstore(t)
  const cases: [string, string, unknown, number][] = [
    ['GET', '/pet/0', undefined, 400],
    ['GET', '/pet/abc', undefined, 400],
    ['GET', '/pet/%zz', undefined, 400],
    ['GET', '/pet/4711', undefined, 404],
    ['GET', '/pet/', undefined, 404],
    ['GET', '/unknown', undefined, 404],
    ['GET', '/pet/1/2/3', undefined, 404],
    ['GET', '/pet%2FfindByStatus?status=sold', undefined, 404],
    ['PUT', '/pet', { id: 4711, name: 'x' }, 404],
    ['PUT', '/pet', { name: 'x' }, 400],
    ['POST', '/pet', { photoUrls: [] }, 400],
    ['POST', '/pet', { name: 'x', status: 'eaten' }, 400],
    ['POST', '/pet', { name: 'x', tags: 'y' }, 400],
    ['POST', '/pet', [], 400],
    ['POST', '/pet', '{', 400],
    ['POST', '/pet', { name: 'x'.repeat(70_000) }, 413],
    ['POST', '/pet/1/uploadImage', 'x'.repeat(10_485_761), 413],
    ['POST', '/store/order', { quantity: -1 }, 400],
    ['POST', '/store/order', { shipDate: 'never' }, 400],
    ['POST', '/user', {}, 400],
    ['PATCH', '/pet/1', undefined, 405],
    ['PUT', '/pet/findByStatus', undefined, 405],
  ]
  for (const [method, path, body, status] of cases) {
    t.match(await call(method, path, body), { status, body: { code: status, type: 'error' } }, `${method} ${path}`)
  }
  t.equal((await call('DELETE', '/store/inventory')).headers.get('allow'), 'GET')
  t.equal((await fetch(`http://127.0.0.1:${(await petstore(t)).port}/v2/pet/1`)).status, 404)
})

test('a HEAD has no body, and the store has an end', async (t) => {
  const { call } = await petstore(t)
  t.match(await call('HEAD', '/pet/1'), { status: 200, body: '' })
  let status = 200
  let added = 0
  for (; status === 200 && added < 2_000; added++) status = (await call('POST', '/pet', { name: 'x' })).status
  t.equal(status, 507)
  t.equal((await call('PUT', '/pet', { id: 1, name: 'y' })).status, 200)
})

test('bytes that are no HTTP cost their own connection only', async (t) => {
  const { call, port } = await petstore(t)
  const socket = connect(port, '127.0.0.1')
  socket.write('garbage\r\n\r\n')
  t.match(await text(socket), /^HTTP\/1\.1 400 /)
  t.equal((await call('GET', '/pet/1')).status, 200)
})

test('a port in use is an error that names it', async (t) => {
  const { port } = await petstore(t)
  await t.rejects(startPetstore({ port }), { code: 'ERR_DEMO_PORT_IN_USE', port, message: /petstore/ })
})
