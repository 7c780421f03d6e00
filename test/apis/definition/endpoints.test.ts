import { inspect } from 'node:util'
import t from 'tap'
import { parseEndpointUrl } from '../../../src/apis/definition/endpoints.js'
import { definition, load, loadOne, problemsOf, resourceOf } from '../definitions.js'

t.test('an endpoint is an origin and a path, and a query if it has one', async (t) => {
  const cases: [url: string, origin: string, pathname: string][] = [
    ['http://pets.example', 'http://pets.example', ''],
    ['https://pets.example/', 'https://pets.example', ''],
    ['HTTPS://Pets.Example:443/v2/', 'https://pets.example', '/v2'],
    ['http://[::1]:8080/a/b', 'http://[::1]:8080', '/a/b'],
    ['ws://pets.example/socket', 'http://pets.example', '/socket'],
    ['wss://pets.example:8443', 'https://pets.example:8443', ''],
  ]
  for (const [url, origin, pathname] of cases) t.same(parseEndpointUrl(url), { origin, pathname }, url)
  for (const url of ['http://pets.example/v2/?a=b&c', 'http://pets.example/v2?a=b&c']) {
    t.same(parseEndpointUrl(url), { origin: 'http://pets.example', pathname: '/v2', query: 'a=b&c' })
  }
  t.same(parseEndpointUrl('http://pets.example/?'), { origin: 'http://pets.example', pathname: '' })
  const refused = [
    '',
    '/v2',
    'pets.example',
    'pets.example:80',
    'ftp://pets.example',
    'file:///etc',
    'http://',
    'http://me:hunter2@pets.example',
  ]
  const odd = [
    'http://pets.example#',
    'http://pets.example/?a#b',
    'http://pets.example//v2',
    'http://pets.example\\v2',
    ' http://pets.example',
    'etcd(key, http://pets.example)',
  ]
  for (const url of [...refused, ...odd]) {
    t.type(parseEndpointUrl(url), 'string', url)
    t.notMatch(parseEndpointUrl(url), 'hunter2')
  }
})

t.test('endpoints are those of the operation, else of the API, else the server', async (t) => {
  const production = (url: string) => `x-wso2-production-endpoints: { urls: ['${url}'] }`
  const sandbox = (url: string) => `x-wso2-sandbox-endpoints: { urls: ['${url}'] }`
  const server = 'https://pets.example'
  const cases: [operation: string, api: string, production: string | undefined, sandbox: string | undefined][] = [
    ['', '', server, undefined],
    ['', production('http://p'), 'http://p', undefined],
    ['', sandbox('http://s'), undefined, 'http://s'],
    ['', `${production('http://p')}\n${sandbox('http://s')}`, 'http://p', 'http://s'],
    [production('http://op'), production('http://p'), 'http://op', undefined],
    [production('http://op'), sandbox('http://s'), 'http://op', 'http://s'],
    [sandbox('http://os'), production('http://p'), 'http://p', 'http://os'],
    [sandbox('http://os'), '', server, 'http://os'],
    ["servers: [{ url: 'http://own' }]", production('http://p'), 'http://own', undefined],
    ["servers: [{ url: 'http://{host}', variables: { host: { default: own } } }]", '', 'http://own', undefined],
  ]
  for (const [operation, api, production, sandbox] of cases) {
    const resource = resourceOf(await loadOne(t, definition(operation, api)), 'GET /pet')
    const origins = [resource.production?.urls[0].origin, resource.sandbox?.urls[0].origin]
    t.same(origins, [production, sandbox], `${operation} / ${api}`)
  }
})

t.test('several URLs share the load, unless they are said to be for failover', async (t) => {
  const cases: [type: string, urls: string, expected: string][] = [
    ['', 'http://a', 'http'],
    ['', 'http://a, http://b', 'load_balance'],
    ['type: load_balance, ', 'http://a, http://b', 'load_balance'],
    ['type: loadbalance, ', 'http://a', 'load_balance'],
    ['type: Failover, ', 'http://a, http://b', 'failover'],
    ['type: http, ', 'http://a', 'http'],
  ]
  for (const [type, urls, expected] of cases) {
    const api = await loadOne(t, definition(`x-wso2-production-endpoints: { ${type}urls: [${urls}] }`))
    const { production } = resourceOf(api, 'GET /pet')
    t.equal(production?.type, expected)
    t.equal(production?.urls.length, urls.split(',').length)
  }
})

t.test('endpoints by name may have their URLs and credentials from the environment, as in WSO2', async (t) => {
  const text = definition(
    "x-wso2-production-endpoints: '#/x-wso2-endpoints/mine'\nx-wso2-sandbox-endpoints: '#/x-wso2-endpoints/other'",
    `x-wso2-endpoints:
  - mine:
      urls: ['http://a', 'http://b']
      type: failover
      securityConfig: { type: BASIC, username: kim }
  - other:
      urls: ['http://$env{HOST}:8080']
      securityConfig: { type: basic, username: '$env{USER_NAME}', password: '$env{PASS}' }
      advanceEndpointConfig: { timeoutInMillis: 7000 }`,
  )
  const environment = {
    mine_prod_endpoint_1: 'http://c',
    mine_prod_basic_password: 'hunter2',
    mine_sand_basic_password: 'unused',
    HOST: 'd',
    USER_NAME: 'robin',
    PASS: 'hunter3',
  }
  const api = await loadOne(t, text, { environment })
  const { production, sandbox } = resourceOf(api, 'GET /pet')
  t.same(
    production?.urls.map(({ origin }) => origin),
    ['http://a', 'http://c'],
  )
  t.equal(production?.type, 'failover')
  t.equal(production?.credentials?.username, 'kim')
  t.equal(production?.credentials?.password.reveal(), 'hunter2')
  t.same(sandbox?.urls, [{ origin: 'http://d:8080', pathname: '' }])
  t.equal(sandbox?.credentials?.username, 'robin')
  t.equal(sandbox?.credentials?.password.reveal(), 'hunter3')
  t.equal(sandbox?.timeout, 7000)
  t.notMatch(inspect(api, { depth: 20 }) + JSON.stringify(api), 'hunter')
  t.equal((await problemsOf(t, text, { environment: {} })).length, 4)
})

t.test('advanceEndpointConfig is read as WSO2 writes it, on an API and on an operation', async (t) => {
  const advanced = `{ urls: ['http://a'], advanceEndpointConfig: {
        timeoutInMillis: 7000,
        retryConfig: { count: 1, intervalInMillis: 1000, backOffFactor: 1.2, statusCodes: [504] },
        circuitBreaker: {
          rollingWindow: { requestVolumeThreshold: 1, timeWindowInMillis: 60000, bucketSizeInMillis: 2000 },
          failureThreshold: 0.2, resetTimeInMillis: 5000, statusCodes: [500] } } }`
  const expected = {
    timeout: 7_000,
    retry: { count: 1, interval: 1_000, backOffFactor: 1.2, maxInterval: 60_000, statusCodes: [504] },
    circuitBreaker: {
      requestVolumeThreshold: 1,
      timeWindow: 60_000,
      bucketSize: 2_000,
      failureThreshold: 0.2,
      resetTime: 5_000,
      statusCodes: [500],
    },
  }
  for (const text of [
    definition(`x-wso2-production-endpoints: ${advanced}`),
    definition('', `x-wso2-production-endpoints: ${advanced}`),
  ]) {
    const { apis, warnings } = await load(t, text)
    t.match(apis[0]?.resources[0]?.production, expected)
    t.strictSame(warnings, [])
  }
  const bare =
    '{ urls: [http://a], advanceEndpointConfig: { retryConfig: { count: 2, backOffFactor: 0 }, circuitBreaker: {} } }'
  const { production } = resourceOf(await loadOne(t, definition(`x-wso2-production-endpoints: ${bare}`)), 'GET /pet')
  t.match(production?.retry, { count: 2, interval: 0, backOffFactor: 1, maxInterval: 60_000, statusCodes: [] })
  t.match(production?.circuitBreaker, { requestVolumeThreshold: 10, failureThreshold: 0.5, resetTime: 10_000 })
})

t.test('an unsupported endpoint setting is an error, with its line', async (t) => {
  const endpoints = (text: string) => `x-wso2-production-endpoints: ${text}`
  const refused = [
    endpoints('{ urls: [] }'),
    endpoints('{}'),
    endpoints('[http://a]'),
    endpoints("'#/x-wso2-endpoints/none'"),
    endpoints("'http://a'"),
    endpoints('{ urls: http://a }'),
    endpoints('{ urls: [1] }'),
    endpoints('{ urls: [a] }'),
    endpoints('{ urls: [http://a], type: random }'),
    endpoints('{ urls: [http://a, http://b], type: http }'),
    endpoints('{ urls: [http://a], securityConfig: { type: digest, username: a, password: b } }'),
    endpoints('{ urls: [http://a], securityConfig: { type: basic, username: a } }'),
    endpoints('{ urls: [http://a], securityConfig: { type: basic, password: a } }'),
    endpoints("{ urls: [http://a], securityConfig: { type: basic, username: 'a:b', password: c } }"),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { timeoutInMillis: soon } }'),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { timeoutInMillis: 0 } }'),
    endpoints("{ urls: ['$env{NOT_SET}'] }"),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { retryConfig: 3 } }'),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { retryConfig: { count: many } } }'),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { retryConfig: { count: 101 } } }'),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { retryConfig: { statusCodes: 504 } } }'),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { retryConfig: { statusCodes: [5xx] } } }'),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { circuitBreaker: { failureThreshold: 20 } } }'),
    endpoints('{ urls: [http://a], advanceEndpointConfig: { circuitBreaker: { rollingWindow: 1 } } }'),
    endpoints(
      '{ urls: [http://a], advanceEndpointConfig: { circuitBreaker: { rollingWindow: { bucketSizeInMillis: 1 } } } }',
    ),
    "servers: [{ url: 'http://{host}' }]",
  ]
  for (const operation of refused) {
    const problems = await problemsOf(t, definition(operation))
    t.equal(problems.length, 1, `${operation}: ${JSON.stringify(problems)}`)
    t.equal(problems[0]?.line, 8, operation)
  }
  const without = definition('').replace(/^servers.*$/m, '')
  t.match(await problemsOf(t, without), [{ line: 6, message: /no endpoint/ }])
})

t.test('a harmless unsupported endpoint setting is a warning', async (t) => {
  const warned = [
    'x-wso2-production-endpoints: { urls: [http://a], advanceEndpointConfig: { poolConfig: { maxIdleConnections: 1 } } }',
    'x-wso2-production-endpoints: { urls: [http://a], advanceEndpointConfig: { circuitBreakers: { maxRequests: 1 } } }',
    'x-wso2-production-endpoints: { urls: [http://a], advanceEndpointConfig: { retryConfig: { counts: 1 } } }',
    'x-wso2-production-endpoints: { urls: [http://a], advanceEndpointConfig: { circuitBreaker: { rollingWindow: { size: 1 } } } }',
    'x-wso2-production-endpoints: { urls: [http://a], suspend: 1 }',
    "servers: [{ url: 'http://a' }, { url: 'http://staging' }]",
  ]
  for (const operation of warned) {
    const { apis, warnings } = await load(t, definition(operation))
    t.equal(warnings.length, 1, operation)
    t.same(apis[0]?.resources[0]?.production?.urls, [{ origin: 'http://a', pathname: '' }])
  }
})
