import t from 'tap'
import { RouteTable } from '../../../src/apis/routing/route-table.js'
import { declareApi } from '../declare.js'

/** What a request leads to, in a word: the resource's template, or why there is none. */
function lead(table: RouteTable, method: string, path: string): string {
  const route = table.find(method, path)
  if (route.kind === 'match') return `${route.resource.method} ${route.resource.fullTemplate}`
  if (route.kind === 'method-not-allowed') return `allow ${route.allowed}`
  if (route.kind === 'no-resource') return `nothing in ${route.api.basePath || '/'}`
  return route.kind
}

t.test('a path leads to the resource that its bytes name', async (t) => {
  const table = new RouteTable([
    declareApi(
      '/petstore/v1',
      'POST /pet',
      'GET /pet/findByStatus',
      'GET /pet/{petId}',
      'DELETE /pet/{petId}',
      'HEAD /pet/{petId}/photo',
      'GET /pet/{petId}/photo',
      'GET /pets:batch',
      'GET /::odd:(x)?',
      'GET /a.b',
      'GET /{id}.json',
      'GET /{a}-{b}',
      'GET /{a}-{b}-{c}.{d}',
      'GET /x{id}',
      'GET /star*middle',
      'GET /files/*',
      'GET /files/{id}/meta',
      'GET /shop/',
      'GET /__proto__/{id}',
      'OPTIONS /*',
    ),
  ])
  const cases: [request: string, lead: string][] = [
    ['POST /petstore/v1/pet', 'POST /petstore/v1/pet'],
    ['GET /petstore/v1/pet', 'allow POST'],
    ['GET /petstore/v1/pet/findByStatus', 'GET /petstore/v1/pet/findByStatus'],
    ['GET /petstore/v1/pet/findByStatu', 'GET /petstore/v1/pet/{petId}'],
    ['GET /petstore/v1/pet/findByStatus2', 'GET /petstore/v1/pet/{petId}'],
    ['DELETE /petstore/v1/pet/findByStatus', 'allow GET, HEAD'],
    ['GET /petstore/v1/pet/1', 'GET /petstore/v1/pet/{petId}'],
    ['HEAD /petstore/v1/pet/1', 'GET /petstore/v1/pet/{petId}'],
    ['DELETE /petstore/v1/pet/1', 'DELETE /petstore/v1/pet/{petId}'],
    ['PATCH /petstore/v1/pet/1', 'allow DELETE, GET, HEAD'],
    ['get /petstore/v1/pet/1', 'allow DELETE, GET, HEAD'],
    ['__proto__ /petstore/v1/pet/1', 'allow DELETE, GET, HEAD'],
    ['constructor /petstore/v1/pet/1', 'allow DELETE, GET, HEAD'],
    ['HEAD /petstore/v1/pet/1/photo', 'HEAD /petstore/v1/pet/{petId}/photo'],
    ['GET /petstore/v1/pet/', 'allow OPTIONS'],
    ['GET /petstore/v1/pet/1/', 'allow OPTIONS'],
    ['GET /petstore/v1/PET/1', 'allow OPTIONS'],
    ['GET /petstore/v1/pets:batch', 'GET /petstore/v1/pets:batch'],
    ['GET /petstore/v1/pets:other', 'allow OPTIONS'],
    ['GET /petstore/v1/::odd:(x)?', 'GET /petstore/v1/::odd:(x)?'],
    ['GET /petstore/v1/a.b', 'GET /petstore/v1/a.b'],
    ['GET /petstore/v1/axb', 'allow OPTIONS'],
    ['GET /petstore/v1/1.json', 'GET /petstore/v1/{id}.json'],
    ['GET /petstore/v1/.json', 'allow OPTIONS'],
    ['GET /petstore/v1/1-2', 'GET /petstore/v1/{a}-{b}'],
    ['GET /petstore/v1/---', 'GET /petstore/v1/{a}-{b}'],
    ['GET /petstore/v1/1-', 'allow OPTIONS'],
    ['GET /petstore/v1/1-2-3.4', 'GET /petstore/v1/{a}-{b}-{c}.{d}'],
    ['GET /petstore/v1/xyz', 'GET /petstore/v1/x{id}'],
    ['GET /petstore/v1/x', 'allow OPTIONS'],
    ['GET /petstore/v1/star*middle', 'GET /petstore/v1/star*middle'],
    ['GET /petstore/v1/starxmiddle', 'allow OPTIONS'],
    ['GET /petstore/v1/files/', 'GET /petstore/v1/files/*'],
    ['GET /petstore/v1/files', 'allow OPTIONS'],
    ['GET /petstore/v1/files/a/b/', 'GET /petstore/v1/files/*'],
    ['GET /petstore/v1/files/a/meta', 'GET /petstore/v1/files/{id}/meta'],
    ['GET /petstore/v1/shop/', 'GET /petstore/v1/shop/'],
    ['GET /petstore/v1/shop', 'allow OPTIONS'],
    ['GET /petstore/v1/__proto__/x', 'GET /petstore/v1/__proto__/{id}'],
    ['OPTIONS /petstore/v1', 'OPTIONS /petstore/v1/*'],
    ['OPTIONS /petstore/v1/', 'OPTIONS /petstore/v1/*'],
    ['GET /petstore/v1x', 'no-api'],
    ['GET /petstore', 'no-api'],
    ['GET /', 'no-api'],
    [`GET /petstore/v1/pet/${'x'.repeat(4000)}`, 'GET /petstore/v1/pet/{petId}'],
    [`GET /petstore/v1/${'x'.repeat(4000)}.json`, 'GET /petstore/v1/x{id}'],
    ['GET http://host/petstore/v1/pet/1', 'no-api'],
  ]
  for (const [request, expected] of cases) {
    const [method = '', path = ''] = request.split(' ')
    t.equal(lead(table, method, path), expected, request.slice(0, 60))
  }
})

t.test('a path whose escapes would make another resource of it is ambiguous', async (t) => {
  const table = new RouteTable([
    declareApi(
      '/v1',
      'GET /pet/findByStatus',
      'GET /pet/{petId}',
      'GET /caf%C3%A9',
      'GET /a%20b/{id}.json',
      'GET /100%25',
    ),
  ])
  const cases: [path: string, lead: string][] = [
    ['/v1/pet/a%20b', 'GET /v1/pet/{petId}'],
    ['/v1/pet/%EE%80%81', 'GET /v1/pet/{petId}'],
    ['/v1/pet/%66indByStatus', 'ambiguous'],
    ['/v1/pet/findByStatu%73', 'ambiguous'],
    ['/v1/%70et/1', 'ambiguous'],
    ['/%761/pet/1', 'ambiguous'],
    ['/v1/pet/findByStatus%3Fx', 'GET /v1/pet/{petId}'],
    ['/v1/pet/findByStatus%23x', 'GET /v1/pet/{petId}'],
    ['/v1/pet/find%3Fx', 'GET /v1/pet/{petId}'],
    ['/v1/pet/%3Fx', 'GET /v1/pet/{petId}'],
    ['/v1/caf%C3%A9', 'GET /v1/caf%C3%A9'],
    ['/v1/caf%c3%a9', 'ambiguous'],
    ['/v1/a%20b/1.json', 'GET /v1/a%20b/{id}.json'],
    ['/v1/a%20b/1%2Ejson', 'ambiguous'],
    ['/v1/100%25', 'GET /v1/100%25'],
    ['/other/%41', 'no-api'],
    ['/v1/other/%41', 'nothing in /v1'],
    ['/v1/%', 'ambiguous'],
  ]
  for (const [path, expected] of cases) t.equal(lead(table, 'GET', path), expected, path)
})

t.test('the longest base path decides the API, and a shorter one gets nothing of it', async (t) => {
  const root = declareApi('', 'GET /', 'GET /shop/{id}', 'GET /{x}/{y}', 'GET /shop/v2/hidden', 'GET /shop')
  const table = new RouteTable([root, declareApi('/shop/v2', 'GET /item/{id}'), declareApi('/shop', 'GET /cart')])
  const cases: [path: string, lead: string][] = [
    ['/', 'GET /'],
    ['/a/b', 'GET /{x}/{y}'],
    ['/a', 'nothing in /'],
    ['/shop', 'nothing in /shop'],
    ['/shop/', 'nothing in /shop'],
    ['/shop/cart', 'GET /shop/cart'],
    ['/shop/1', 'nothing in /shop'],
    ['/shop/v2', 'nothing in /shop/v2'],
    ['/shop/v2/item/1', 'GET /shop/v2/item/{id}'],
    ['/shop/v2/cart', 'nothing in /shop/v2'],
    ['/shop/v2/hidden', 'nothing in /shop/v2'],
    ['/shop/v2x', 'nothing in /shop'],
    ['/shopx/v2', 'GET /{x}/{y}'],
  ]
  for (const [path, expected] of cases) t.equal(lead(table, 'GET', path), expected, path)
  t.same(
    table.shadowed.map((resource) => resource.fullTemplate),
    ['/shop/{id}', '/shop/v2/hidden', '/shop'],
  )
})

t.test(
  'an API without a definition has every path below its base path, for every method but CONNECT and TRACE',
  async (t) => {
    const table = new RouteTable([declareApi('/any', '* /*', 'POST /*')])
    for (const path of ['/any', '/any/', '/any/a/b']) {
      t.equal(lead(table, 'GET', path), '* /any/*')
      t.equal(lead(table, 'PROPFIND', path), '* /any/*')
      t.equal(lead(table, 'POST', path), 'POST /any/*')
      t.equal(lead(table, 'TRACE', path), 'allow DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT')
      t.equal(lead(table, 'CONNECT', path), 'allow DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT')
    }
    t.equal(lead(table, 'GET', '/anyone'), 'no-api')
  },
)

t.test('two APIs on one base path and two resources that are one are refused', async (t) => {
  t.throws(() => new RouteTable([declareApi('/a', 'GET /x'), declareApi('/a', 'GET /y')]), TypeError)
  t.throws(() => new RouteTable([declareApi('/a', 'GET /{x}', 'GET /{y}')]), TypeError)
  t.doesNotThrow(() => new RouteTable([declareApi('/a', 'GET /{x}', 'POST /{y}')]))
  t.equal(lead(new RouteTable([]), 'GET', '/a'), 'no-api')
})
