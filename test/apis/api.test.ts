import t from 'tap'
import { type Resource, upstreamPath } from '../../src/apis/api.js'
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
