import { test } from 'tap'
import { parse } from 'yaml'
import { withProductionEndpoint } from '../../src/demo/config-file.js'

const HEAD = 'openapi: 3.0.0\nx-wso2-basePath: /petstore/v1\n'
const TAIL = '\nx-wso2-sandbox-endpoints:\n  urls:\n    - https://sandbox.example\npaths: {} # none\n'

test('the production endpoint is replaced, however it is written, and nothing else', async (t) => {
  for (const endpoint of [
    'x-wso2-production-endpoints:\n  urls:\n    - https://petstore.example/v2',
    'x-wso2-production-endpoints:\n  urls:\n  - https://a.example\n  - "https://b.example"\n  type: load_balance',
    'x-wso2-production-endpoints:\n  # where it is\n  type: http\n  urls: [https://a.example, https://b.example]',
    'x-wso2-production-endpoints:\r\n    urls:\r\n        - https://petstore.example/v2',
  ]) {
    const original = HEAD + endpoint + TAIL
    const expected = parse(original)
    expected['x-wso2-production-endpoints'].urls = ['http://localhost:9080/v1']
    const changed = withProductionEndpoint(original, 'http://localhost:9080/v1')
    t.same(parse(changed), expected)
    t.match(changed, '# none')
  }
})

test('a definition without one is an error', async (t) => {
  for (const other of ['', 'x-wso2-production-endpoints: "#/x-wso2-endpoints/a"']) {
    t.throws(() => withProductionEndpoint(HEAD + other + TAIL, 'http://localhost:9080/v1'), TypeError)
  }
})
