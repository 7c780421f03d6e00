import t from 'tap'
import { definition, load, problemsOf, resourceOf } from '../definitions.js'

const SCHEMES = `
components:
  securitySchemes:
    oauth: { type: oauth2, flows: {} }
    oidc: { type: openIdConnect, openIdConnectUrl: 'https://issuer.example' }
    bearer: { type: http, scheme: Bearer }
    wso2jwt: { type: http, scheme: jwt }
    basic: { type: http, scheme: basic }
    digest: { type: http, scheme: digest }
    key: { type: apiKey, in: header, name: key }
    tls: { type: mutualTLS }
    alias: { $ref: '#/components/securitySchemes/oauth' }
    keyAlias: { $ref: '#/components/securitySchemes/key' }
`

/** What `GET /pet` asks for when its operation and the API have these lines: 'open', or scopes; and the warnings. */
async function protectionOf(t: Parameters<typeof load>[0], operation: string, api = '') {
  const { apis, warnings } = await load(t, definition(operation, api + SCHEMES))
  const [pets] = apis
  if (pets === undefined) throw new Error('no API was loaded')
  const { secured, scopes } = resourceOf(pets, 'GET /pet')
  return { protection: secured ? scopes : 'open', warnings: warnings.length }
}

t.test('an operation needs a token, and the scopes that it names', async (t) => {
  const cases: [operation: string, api: string, protection: unknown, warnings: number][] = [
    ['', '', [], 0],
    ['security: [{ oauth: [] }]', '', [], 0],
    ['security: [{ oauth: [read] }]', '', [['read']], 0],
    ['security: [{ alias: [read] }]', '', [['read']], 0],
    ['security: [{ oidc: [read] }]', '', [['read']], 0],
    ['security: [{ bearer: [] }, { wso2jwt: [] }]', '', [], 0],
    ['security: [{ oauth: [read] }, { oidc: [admin] }]', '', [['read'], ['admin']], 0],
    // Under one scheme WSO2 takes any one of the scopes.
    ['security: [{ oauth: [read, write] }]', '', [['read'], ['write']], 1],
    // Two schemes in one requirement are both needed.
    ['security: [{ oauth: [read], oidc: [admin] }]', '', [['read', 'admin']], 0],
    // A requirement without scopes does not outvote one with.
    ['security: [{ oauth: [] }, { oidc: [admin] }]', '', [['admin']], 0],
    ['', 'security: [{ oauth: [read] }]', [['read']], 0],
    ['security: [{ oauth: [write] }]', 'security: [{ oauth: [read] }]', [['write']], 0],
    ['security: [{ default: [read] }]', '', [['read']], 0],
    ['security: [{ default: read }]', '', [['read']], 0],
    ['x-scope: read', '', [['read']], 0],
    ['x-scope: read\nsecurity: [{ oauth: [read] }]', '', [['read']], 0],
  ]
  for (const [operation, api, protection, warnings] of cases) {
    t.same(await protectionOf(t, operation, api), { protection, warnings }, `${operation} / ${api}`)
  }
})

t.test(
  'only x-wso2-disable-security, or x-auth-type None, opens an operation; its own word beats that of the API',
  async (t) => {
    const cases: [operation: string, api: string, open: boolean][] = [
      ['x-wso2-disable-security: true', '', true],
      ['x-wso2-disable-security: true', 'x-wso2-disable-security: false', true],
      ['', 'x-wso2-disable-security: true', true],
      ['x-wso2-disable-security: false', 'x-wso2-disable-security: true', false],
      ['x-wso2-disable-security: true\nsecurity: [{ key: [] }]', '', true],
      ['x-auth-type: None', '', true],
      ['x-auth-type: None\nx-wso2-disable-security: false', '', false],
      ['x-auth-type: Application & Application User', '', false],
      ['x-auth-type: none', '', false],
      ['security: []', '', false],
      ['security: [{}]', '', false],
      ['security: [{}, { oauth: [] }]', '', false],
      ['security: []', 'security: [{ oauth: [read] }]', false],
    ]
    for (const [operation, api, open] of cases) {
      const { protection } = await protectionOf(t, operation, api)
      t.equal(protection === 'open', open, `${operation} / ${api}`)
    }
    t.equal((await protectionOf(t, 'security: []')).warnings, 1)
    t.equal((await protectionOf(t, 'security: [{}, { oauth: [] }]')).warnings, 1)
  },
)

t.test(
  'credentials that are not checked: nothing is served where they are the only way in, and else a token is required',
  async (t) => {
    const unserved: [operation: string, api: string, cause: RegExp][] = [
      ['security: [{ key: [] }]', '', /accepts only credentials that the gateway does not check: key \(apiKey\): 1 /],
      ['security: [{ keyAlias: [] }]', '', /keyAlias \(apiKey\)/],
      ['security: [{ basic: [] }]', '', /basic \(http basic\)/],
      ['security: [{ nothing: [] }]', '', /nothing \(not declared\)/],
      ['security: [{ oauth: [read], nothing: [] }]', '', /nothing \(not declared\)/],
      ['security: [{ digest: [] }]', '', /digest \(http digest\)/],
      ['security: [{ tls: [] }]', '', /tls \(mutualTLS\)/],
      ['security: [{ tls: [] }, { key: [] }, { key: [], basic: [] }]', '', /basic .*, key .*, tls [^,]*: 1 operation/],
      ['security: [{ oauth: [read], key: [] }]', '', /key/],
      ['security: [{ key: [] }, {}]', '', /key/],
      ['x-wso2-application-security: { security-types: [api_key, basic_auth] }', '', /api_key, basic_auth/],
      ['x-wso2-application-security: { optional: true }', '', /optional/],
      ['x-wso2-request-interceptor: check', '', /x-wso2-request-interceptor/],
      ['x-wso2-response-interceptor: check', '', /x-wso2-response-interceptor/],
      ['x-wso2-disable-security: true', 'x-wso2-mutual-ssl: mandatory', /client certificates are not checked/],
      ['x-wso2-disable-security: true', 'x-wso2-request-interceptor: x', /x-wso2-request-interceptor/],
      ['', 'security: [{ key: [] }]', /key/],
    ]
    for (const [operation, api, cause] of unserved) {
      const said = `${operation} / ${api}`
      const { apis, warnings } = await load(t, definition(operation, api + SCHEMES))
      const told = warnings.filter(({ message }) => message.includes('not served'))
      t.match(told, [{ message: /1 operation is not served \(403\): GET \/v2\/pet$/ }], said)
      t.match(told[0]?.message, cause)
      t.ok((told[0]?.line ?? 0) >= 8, said)
      t.not(apis[0]?.resources[0]?.unserved, undefined)
      const strict = await problemsOf(t, definition(operation, api + SCHEMES), { strictSecurity: true })
      t.match(strict, [{ message: cause }], `${said}, strictSecurity`)
    }
    const refused = [
      'security: [oauth]',
      'security: oauth',
      'security: [{ oauth: { read: true } }]',
      'x-wso2-application-security: { security-types: oauth2 }',
      'x-wso2-disable-security: "true"',
      'x-wso2-disable-security: yes',
      'x-scope: read\nsecurity: [{ oauth: [write] }]',
      'x-wso2-mutual-ssl: mandatory',
      'x-wso2-transports: [https]',
    ]
    for (const operation of refused) {
      const problems = await problemsOf(t, definition(operation, SCHEMES))
      t.ok(problems.length > 0, operation)
      for (const { line } of problems) t.ok(line !== undefined && line >= 6, `${operation}: ${line}`)
    }
    t.equal((await problemsOf(t, definition('', `x-wso2-mutual-ssl: maybe${SCHEMES}`))).length, 1)
    const warned: [operation: string, protection: unknown][] = [
      ['security: [{ key: [] }, { oauth: [read] }]', [['read']]],
      ['security: [{ oauth: [read], key: [] }, { oauth: [write] }]', [['write']]],
      ['x-wso2-application-security: { security-types: [api_key, oauth2] }', []],
      ['x-wso2-application-security: { security-types: [api_key, oauth2] }\nsecurity: [{ oauth: [read] }]', [['read']]],
    ]
    for (const [operation, protection] of warned) {
      t.same(await protectionOf(t, operation), { protection, warnings: 1 }, operation)
    }
  },
)

t.test('x-wso2-application-security overrides the schemes of "security", not its scopes', async (t) => {
  const token = 'x-wso2-application-security: { security-types: [oauth2], optional: false }'
  t.same(await protectionOf(t, `${token}\nsecurity: [{ key: [] }]`), { protection: [], warnings: 0 })
  t.same(await protectionOf(t, `${token}\nsecurity: [{ key: [] }, { oauth: [read] }]`), {
    protection: [['read']],
    warnings: 0,
  })
  t.same(await protectionOf(t, 'security: [{ key: [] }]', token), { protection: [], warnings: 0 })
})

t.test(
  'an API key in the header Authorization is a token if it is said to be one, and else is not checked',
  async (t) => {
    const swagger = (name: string, scheme: string) => `swagger: '2.0'
info: { title: Old, version: '1' }
host: old.example
securityDefinitions: { ${name}: { type: apiKey, ${scheme} } }
security: [{ ${name}: [] }]
paths: { /pet: { get: {} } }
`
    const cases: [name: string, scheme: string, served: boolean][] = [
      ['BearerToken', 'in: header, name: authorization', true],
      ['token', 'in: header, name: Authorization, description: Bearer Token authentication', true],
      ['JWT', 'in: header, name: Authorization', true],
      ['key', 'in: header, name: Authorization, description: This is not a JWT and takes no Bearer prefix', false],
      ['key', "in: header, name: Authorization, description: 'A key, it isn''t a JWT'", false],
      ['key', 'in: header, name: Authorization, description: Of the standard-bearers', false],
      ['key', 'in: header, name: Authorization', false],
      ['Bearer', 'in: header, name: X-Key', false],
      ['Bearer', 'in: query, name: authorization', false],
    ]
    for (const [name, scheme, served] of cases) {
      const { apis, warnings } = await load(t, swagger(name, scheme))
      t.match(apis[0]?.resources, [{ secured: true }])
      t.equal(apis[0]?.resources[0]?.unserved === undefined, served, `${name}: ${scheme}`)
      t.match(warnings, [{ message: served ? /is read as an access token/ : /not served/ }])
    }
  },
)

t.test('an extension that makes an operation unserved does not hide what is wrong with later ones', async (t) => {
  const problems = await problemsOf(t, definition('x-wso2-request-interceptor: x\nx-wso2-mutual-ssl: mandatory'))
  t.match(problems, [{ message: /x-wso2-mutual-ssl has no effect on an operation/ }])
})

t.test('Swagger 2 declares its schemes elsewhere', async (t) => {
  const swagger = (security: string) => `swagger: '2.0'
info: { title: Old, version: '1' }
host: old.example
basePath: /old
securityDefinitions:
  oauth: { type: oauth2, flow: application }
  basic: { type: basic }
paths:
  /pet: { get: { security: [${security}] } }
`
  const { apis } = await load(t, swagger('{ oauth: [read] }'))
  t.match(apis, [
    {
      basePath: '/old',
      resources: [{ scopes: [['read']], production: { urls: [{ origin: 'https://old.example' }] } }],
    },
  ])
  t.match((await load(t, swagger('{ basic: [] }'))).warnings, [
    { message: /basic \(basic\): 1 operation is not served/ },
  ])
})
