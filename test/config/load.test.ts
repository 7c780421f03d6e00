import t from 'tap'
import { config, problems, read } from './files.js'

t.test('an empty file gives the defaults', async (t) => {
  const { config, warnings } = read('')
  t.same(warnings, [])
  t.match(config.listenerConfig, {
    host: '0.0.0.0',
    httpPort: 9090,
    httpsPort: 9095,
    tokenListenerPort: 9096,
    timeout: 120_000,
  })
  t.equal(config.keyManager, undefined)
  t.same(config.jwtTokenConfig, [])
  const { realtime, persistent, journal, ...revocation } = config.tokenRevocationConfig
  t.same(revocation, {
    failurePolicy: 'closed',
    startupGrace: 5_000,
    maxStaleness: 0,
    retention: 30 * 86_400_000,
    closeOpenRequests: true,
  })
  t.equal(realtime.enableRealtimeMessageRetrieval, false)
  t.equal(realtime.jmsConnectioninitialContextFactory, undefined, 'an absent factory never contradicts a URL')
  t.match(persistent, { type: 'default', refreshInterval: 60_000, username: '' })
  t.equal(persistent.endpointURL, 'https://localhost:9443/internal/data/v1')
  t.same(journal, { enable: true, path: '/etc/mgw/conf/data/revocations.journal', maxAge: 86_400_000 })
  t.match(config.server, { workers: 'auto', stateDirectory: '/etc/mgw/conf/data', stopTimeout: 30_000 })
  t.match(config.admin, { host: '127.0.0.1', port: 9797 })
  t.same(config.logging, { level: 'info', format: 'text' })
  t.equal(config.apiDefinitions, '/etc/mgw/conf/api_definitions')
})

t.test('an API needs name, base path and endpoints, or a definition, which has them', async (t) => {
  for (const key of ['name', 'basePath', 'endpoints']) {
    const keys = ['name = "a"', 'basePath = "/a"', 'endpoints = "http://a"'].filter((line) => !line.startsWith(key))
    t.match([...problems(`[[apis]]\n${keys.join('\n')}`)], [[`apis[0].${key}`, /is missing; .*definition/]])
  }
  const { apis } = config('[[apis]]\ndefinition = "a.yaml"\nendpoints = "http://a"\n[[apis]]\ndefinition = "b.yaml"')
  t.match(apis, [{ endpoints: ['http://a'] }, { definition: '/etc/mgw/conf/b.yaml' }])
  t.match([...problems('[[apis]]\ndefinition = "a.yaml"\nbasePath = "a"')], [['apis[0].basePath', /must be a path/]])
})

t.test('a configuration is frozen to its depth', async (t) => {
  const { jwtTokenConfig, tokenRevocationConfig } = config('[[jwtTokenConfig]]\nissuer="i"\njwksURL="https://i/jwks"')
  t.ok(Object.isFrozen(jwtTokenConfig[0]))
  t.ok(Object.isFrozen(tokenRevocationConfig.persistent.options))
})

t.test('values are read in every form that they may have', async (t) => {
  const values: readonly [string, (of: ReturnType<typeof config>) => unknown, unknown][] = [
    ['[server]\nstopTimeout = 1500', (c) => c.server.stopTimeout, 1500],
    ['[server]\nstopTimeout = "1500"', (c) => c.server.stopTimeout, 1500],
    ['[server]\nstopTimeout = "500ms"', (c) => c.server.stopTimeout, 500],
    ['[server]\nstopTimeout = "1.5s"', (c) => c.server.stopTimeout, 1500],
    ['[server]\nstopTimeout = "5 m"', (c) => c.server.stopTimeout, 300_000],
    ['[tokenRevocationConfig]\nretention = "90d"', (c) => c.tokenRevocationConfig.retention, 90 * 86_400_000],
    ['[listenerConfig]\nhttpPort = 0', (c) => c.listenerConfig.httpPort, 0],
    ['[listenerConfig]\nhttpPort = "8080"', (c) => c.listenerConfig.httpPort, 8080],
    ['[listenerConfig]\nkeepAlive = "never"', (c) => c.listenerConfig.keepAlive, 'NEVER'],
    ['[listenerConfig]\nhost = "::1"', (c) => c.listenerConfig.host, '::1'],
    ['[mutualSSLConfig]\nprotocolVersions = "TLSv1.3"', (c) => c.mutualSSLConfig.protocolVersions, ['TLSv1.3']],
    ['[logging]\nlevel = "DEBUG"', (c) => c.logging.level, 'debug'],
    ['[jwtTokenConfig]\nissuer="i"\njwksURL="http://i"', (c) => c.jwtTokenConfig[0]?.issuer, 'i'],
    ['[jwtTokenConfig]\nissuer="i"\njwksURL="http://i"\naudience="a"', (c) => c.jwtTokenConfig[0]?.audience, ['a']],
    ['[jwtTokenConfig]\nissuer="i"\njwksURL="http://i"\naudience=""', (c) => c.jwtTokenConfig[0]?.audience, []],
    ['[keyManager]', (c) => c.keyManager?.serverUrl, 'https://localhost:9443'],
    ['[keyManager]\n[keymanager.security.basic]\nusername="u"', (c) => c.keyManager?.security.basic.username, 'u'],
    ['[keyManager]\n[keyManager.security.basic]\nusername="u"', (c) => c.keyManager?.security.basic.username, 'u'],
    ['# a\r\n[listenerConfig] # b\r\nhttpPort = 1\r\n', (c) => c.listenerConfig.httpPort, 1],
  ]
  for (const [text, of, expected] of values) t.same(of(config(text)), expected, text)
})

t.test('a value that does not fit is a problem of its key', async (t) => {
  const bad: readonly [string, string, RegExp][] = [
    ['[listenerConfig]\nhttpPort = 65536', 'listenerConfig.httpPort', /whole number from 0 to 65535/],
    ['[listenerConfig]\nhttpPort = -1', 'listenerConfig.httpPort', /whole number from 0 to 65535/],
    ['[listenerConfig]\nhttpPort = 90.5', 'listenerConfig.httpPort', /whole number/],
    ['[listenerConfig]\nhttpPort = 99999999999999999999', 'listenerConfig.httpPort', /whole number/],
    ['[listenerConfig]\nhttpPort = "http"', 'listenerConfig.httpPort', /whole number/],
    ['[listenerConfig]\nhttpPort = "70000"', 'listenerConfig.httpPort', /whole number/],
    ['[listenerConfig]\nhost = "https://gw:9095"', 'listenerConfig.host', /host name or an IP address/],
    ['[listenerConfig]\nkeepAlive = "SOMETIMES"', 'listenerConfig.keepAlive', /one of "AUTO", "ALWAYS", "NEVER"/],
    ['listenerConfig = 5', 'listenerConfig', /must be a table/],
    ['jwtTokenConfig = "x"', 'jwtTokenConfig', /must be tables: \[\[jwtTokenConfig\]\]/],
    ['[server]\nstopTimeout = "soon"', 'server.stopTimeout', /a number with ms, s, m, h or d .* milliseconds/],
    ['[server]\nstopTimeout = "40d"', 'server.stopTimeout', /from 0ms to/],
    ['[server]\nworkers = 0', 'server.workers', /"auto" or a whole number/],
    ['[authConfig]\nauthorizationHeader = "a b"', 'authConfig.authorizationHeader', /name of a header/],
    ['[mutualSSLConfig]\nprotocolVersions = "TLSv1.1"', 'mutualSSLConfig.protocolVersions', /TLSv1.2 or TLSv1.3/],
    ['[logging]\nformat = "xml"', 'logging.format', /one of "text", "json"/],
    ['[[jwtTokenConfig]]\njwksURL = "http://i"', 'jwtTokenConfig[0].issuer', /is missing/],
    ['[[jwtTokenConfig]]\nissuer = "i"\njwksURL = "i"', 'jwtTokenConfig[0].jwksURL', /begins with http/],
    ['[[jwtTokenConfig]]\nissuer = "i"', 'jwtTokenConfig[0].jwksURL', /is missing/],
    ['[keyManager]\nserverUrl = "https://u:p@km"', 'keyManager.serverUrl', /holds no user name or password/],
    [
      '[tokenRevocationConfig.persistent]\nendpointURL = "https://u:p@hub"',
      'tokenRevocationConfig.persistent.endpointURL',
      /no user name or password/,
    ],
    ['[listenerConfig]\nkeyFile = "k.pem"', 'listenerConfig.certFile', /is missing: keyFile is set/],
    ['[listenerConfig]\nhttpPort = 9095', 'listenerConfig.httpsPort', /same port as listenerConfig.httpPort/],
    [`[listenerConfig]\ncertFile = "\${home}/c"\nkeyFile = "k"`, 'listenerConfig.certFile', /unknown placeholder/],
    ['[constructor]\nx = 1', 'constructor', /unknown key/],
    ['__proto__.x = 1', '__proto__', /unknown key/],
    [`a = ${'['.repeat(40)}${']'.repeat(40)}`, 'a', /./],
  ]
  for (const [text, path, message] of bad) t.match(problems(text).get(path), message, text)
})

t.test('all problems are told at once', async (t) => {
  const found = problems(`
[listenerConfig]
httpPort = "x"
htpsPort = 9095
[[jwtTokenConfig]]
jwksURL = "https://i/jwks"
[tokenRevocationConfig.realtime]
enableRealtimeMessageRetrieval = true
jmsConnectionProviderUrl = ""
[security]
validateSubscriptions = true
[logging]
level = "$env{NONE}"
`)
  t.same([...found.keys()].sort(), [
    'jwtTokenConfig[0].issuer',
    'listenerConfig.htpsPort',
    'listenerConfig.httpPort',
    'logging.level',
    'security.validateSubscriptions',
    'tokenRevocationConfig.realtime.jmsConnectionProviderUrl',
  ])
})

t.test('a problem of several keys is not told when one of them could not be read', async (t) => {
  const found = problems('[listenerConfig]\nhttpPort = "x"\nhttpsPort = 9090')
  t.same([...found.keys()], ['listenerConfig.httpPort'])
})

t.test('the keys of a store of the user’s own are handed to it', async (t) => {
  const text = `
[tokenRevocationConfig.persistent]
type = "redis"
module = "store.mjs"
keyPrefix = "revoked:"
[tokenRevocationConfig.persistent.options]
database = 3
`
  const { persistent } = config(text).tokenRevocationConfig
  t.match(persistent, { type: 'redis', module: '/etc/mgw/conf/store.mjs', refreshInterval: 300_000 })
  t.same(persistent.options, { keyPrefix: 'revoked:', database: 3 })
  t.match(
    problems(text.replace('redis', 'default')).get('tokenRevocationConfig.persistent.keyPrefix'),
    /unknown key/,
    'the gateway’s own stores have no such keys',
  )
})

t.test('what WSO2’s page on revoked tokens shows is read unedited under its headers', async (t) => {
  const { realtime, persistent } = config(`
[tokenRevocationConfig]
  [tokenRevocationConfig.realtime]
        enableRealtimeMessageRetrieval = true
        jmsConnectionTopic = "tokenRevocation"
        jmsConnectioninitialContextFactory = "wso2mbInitialContextFactory"
        jmsConnectionProviderUrl= "amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:5672'"
        jmsConnectionUsername = "admin"
        jmsConnectionPassword = "admin"
  [tokenRevocationConfig.persistent]
        enablePersistentStorageRetrieval = true
        type = "default"
        endpointURL = "https://localhost:9443/internal/data/v1"
        username = "admin"
        password = "admin"
`).tokenRevocationConfig
  t.equal(
    realtime.jmsConnectionProviderUrl.reveal(),
    "amqp://admin:admin@carbon/carbon?brokerlist='tcp://localhost:5672'",
  )
  t.equal(realtime.jmsConnectionPassword.reveal(), 'admin')
  t.match(persistent, { enablePersistentStorageRetrieval: true, type: 'default', username: 'admin' })
})
