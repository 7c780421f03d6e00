import t from 'tap'
import type { Resource } from '../../src/apis/api.js'
import { upstreamPath } from '../../src/apis/upstream-path.js'
import { declareApi } from './declare.js'

t.test('the base path is exchanged for the path of the endpoint, and nothing else is touched', async (t) => {
  const cases: [basePath: string, endpoint: string, path: string, query: string, upstream: string][] = [
    ['/petstore/v1', '/v2', '/petstore/v1/pet/1', '', '/v2/pet/1'],
    ['/petstore/v1', '/v2', '/petstore/v1/pet/a%20b', '?a=b%20c', '/v2/pet/a%20b?a=b%20c'],
    ['/petstore/v1', '', '/petstore/v1/pet/', '?', '/pet/?'],
    ['/petstore/v1', '', '/petstore/v1', '?x', '/?x'],
    ['/petstore/v1', '/v2', '/petstore/v1', '?x', '/v2?x'],
    ['/petstore/v1', '/v2', '/petstore/v1/', '', '/v2/'],
    ['', '', '/', '', '/'],
    ['', '/v2', '/', '', '/v2/'],
    ['', '/v2', '/pet', '', '/v2/pet'],
  ]
  for (const [basePath, pathname, path, query, upstream] of cases) {
    const [resource] = declareApi(basePath, 'GET /pet').resources
    t.equal(upstreamPath(resource as Resource, { origin: 'http://localhost', pathname }, path, query), upstream)
  }
})

t.test('the query of an endpoint comes first, and a client cannot set what it sets, however spelt', async (t) => {
  const [resource] = declareApi('/petstore', 'GET /pet').resources
  const endpoint = { origin: 'http://localhost', pathname: '/v2', query: 'tenant=a&max.size=3' }
  const cases: [query: string, upstream: string][] = [
    ['', '/v2/pet?tenant=a&max.size=3'],
    ['?', '/v2/pet?tenant=a&max.size=3'],
    ['?b=1&tenants=b&b=2', '/v2/pet?tenant=a&max.size=3&b=1&tenants=b&b=2'],
    ['?tenant=b&c', '/v2/pet?tenant=a&max.size=3&c'],
    ...['tenant', 'tenant=', 'TENANT=b', 'ten%61nt=b', '+tenant=b', 'tenant%20=b', 'tenant[]=b', 'tenant%5B0%5D=b'].map(
      (one): [string, string] => [`?${one}&c`, '/v2/pet?tenant=a&max.size=3&c'],
    ),
    ['?x=1;tenant=b', '/v2/pet?tenant=a&max.size=3'],
    ['?max_size=b', '/v2/pet?tenant=a&max.size=3'],
    ...['tenant%00=b', 'tenant%00x=b', 'ten%61nt%00%ff=b', 'ten%61nt[%ff]=b', 'max%5Bsize=b', 'max[size'].map(
      (one): [string, string] => [`?${one}&c`, '/v2/pet?tenant=a&max.size=3&c'],
    ),
    ['?%ff=%zz&tenant=%zz', '/v2/pet?tenant=a&max.size=3&%ff=%zz'],
  ]
  for (const [query, upstream] of cases) {
    t.equal(upstreamPath(resource as Resource, endpoint, '/petstore/pet', query), upstream, query)
  }
  const semicolons = { ...endpoint, query: 'a=1;b=2' }
  t.equal(upstreamPath(resource as Resource, semicolons, '/petstore/pet', '?b=3&c'), '/v2/pet?a=1;b=2&c')
})
