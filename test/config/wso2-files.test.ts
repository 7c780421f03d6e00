import t from 'tap'
import { ConfigError, parseConfig } from '../../src/config/index.js'

const read = (text: string) => parseConfig(text, '/c/conf/micro-gw.conf', {})
const persistent = (text: string) =>
  read(`[tokenRevocationConfig.persistent]\n${text}`).config.tokenRevocationConfig.persistent
const PERSISTENT = 'tokenRevocationConfig.persistent'

function problemsOf(text: string): readonly { path: string; message: string; remedy?: string }[] {
  try {
    read(text)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

t.test('spellings of older versions are understood', async (t) => {
  const { config } = read(`
["b7a.users"]
["b7a.users.admin"]
password = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8"
["b7a.log"]
level = "DEBUG"
[caching]
enabled = true
tokenCache.expiryTime = 1000
tokenCache.capacity = 5
tokenCache.evictionFactor = 0.5
[keyManager]
username = "km"
password = "km-password"
timestampSkew = 1234
[jwtTokenConfig]
issuer = "i"
jwksURL = "https://i/jwks"
trustStore.path = "x"
trustStore.password = "y"
[jwtTokenConfig.claims]
remoteClaim = "scp"
localClaim = "scope"
`)
  t.equal(config.logging.level, 'debug')
  t.match(config.caching, { tokenCacheExpiryTime: 1000, tokenCacheCapacity: 5, tokenCacheEvictionFactor: 0.5 })
  t.equal(config.keyManager?.security.basic.username, 'km')
  t.equal(config.keyManager?.security.basic.password.reveal(), 'km-password')
  t.equal(config.server.timestampSkew, 1234)
})

t.test('a file as MGW 3.0 wrote it is read', async (t) => {
  const { config, warnings } = read(`
[listenerConfig]
keyStore.path="\${ballerina.home}/bre/security/ballerinaKeystore.p12"
keyStore.password="ballerina"
authorizationHeader="X-Token"
[filters]
MUTUAL_SSL_FILTER=true
[keyManager]
serverUrl="https://localhost:9443"
verifyHostname=false
[jwtTokenConfig]
issuer="https://localhost:8243/token"
certificateAlias="wso2apim"
trustStore.path="\${ballerina.home}/bre/security/ballerinaTruststore.p12"
trustStore.password="ballerina"
[jwtConfig]
enabled=true
header="X-JWT-Assertion"
[Throttling]
enabledHeaderConditions=true
[mutualSSLConfig]
protocolName="TLS"
protocolVersions=["TLSv1.2", "TLSv1.1"]
ciphers=["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"]
sslVerifyClient="not_require"
[tokenRevocationConfig]
  enabledTokenRevocation = true
  [tokenRevocationConfig.realtime]
    enableRealtimeMessageRetrieval = true
    customImplementationEnabled = false
  [tokenRevocationConfig.persistent]
    enablePersistentStorageRetrieval = true
    customImplementationEnabled = false
    hostname = "http://127.0.0.1:2379/v2/keys/jti/"
`)
  const { listenerConfig, authConfig, httpClients, mutualSSLConfig, tokenRevocationConfig } = config
  t.equal(listenerConfig.keyStorePath, '/c/runtime/bre/security/ballerinaKeystore.p12')
  t.equal(listenerConfig.keyStorePassword.reveal(), 'ballerina')
  t.equal(listenerConfig.trustStorePath, '/c/runtime/bre/security/ballerinaTruststore.p12')
  t.equal(listenerConfig.trustStorePassword.reveal(), 'ballerina')
  t.equal(authConfig.authorizationHeader, 'X-Token')
  t.equal(httpClients.verifyHostname, false)
  t.match(mutualSSLConfig, { protocolVersions: ['TLSv1.2'], sslVerifyClient: 'optional' })
  t.equal(tokenRevocationConfig.persistent.type, 'etcd')
  t.ok(warnings.some(({ path, remedy }) => path.endsWith('customImplementationEnabled') && /"etcd"/.test(remedy ?? '')))
  t.same(warnings.filter(({ path }) => path === 'Throttling' || path === 'jwtConfig').length, 2)
})

t.test('a trust store of the listener is not replaced by an issuer’s', async (t) => {
  const issuer = '[jwtTokenConfig]\nissuer="i"\njwksURL="https://i"\ntrustStore.path="b.p12"\n'
  for (const listener of ['trustStorePath = "a.p12"', 'trustStore.path = "a.p12"']) {
    const { config, warnings } = read(`[listenerConfig]\n${listener}\n${issuer}`)
    t.equal(config.listenerConfig.trustStorePath, '/c/conf/a.p12')
    t.match(warnings, [{ path: 'jwtTokenConfig', message: /trustStore .*listenerConfig.trustStorePath is used/ }])
  }
})

t.test('custom implementations that are switched on are a problem', async (t) => {
  const on = 'customImplementationEnabled = true'
  const store = `[${PERSISTENT}]\nenablePersistentStorageRetrieval = true\n${on}`
  t.match(problemsOf(store), [{ path: `${PERSISTENT}.customImplementationEnabled`, message: /custom store/ }])
  t.match(problemsOf(`[tokenRevocationConfig.realtime]\n${on}`), [{ message: /custom subscribers are not supported/ }])
})

t.test('the event hub’s URL is read as MGW 3.2’s page spells it', async (t) => {
  const { config } = read('[apim.eventHub]\nenable = false\nservice_url = "https://hub:9443"')
  t.equal(config.apim.eventHub.serviceUrl, 'https://hub:9443')
})

t.test('a key by its present name wins over its old one', async (t) => {
  const { config, warnings } = read('[b7a.log]\nlevel = "DEBUG"\n[logging]\nlevel = "warn"')
  t.equal(config.logging.level, 'warn')
  t.match(warnings, [{ path: 'b7a.log.level', message: 'is ignored: logging.level is set' }])
})

t.test('levels that have another name here are understood', async (t) => {
  t.equal(read('[b7a.log]\nlevel = "OFF"').config.logging.level, 'silent')
  t.equal(read('[b7a.log]\nlevel = "ALL"').config.logging.level, 'trace')
})

t.test('the port of metrics becomes the admin listener’s, if metrics are on', async (t) => {
  const metrics = '[b7a.observability.metrics]\nenabled = true\n[b7a.observability.metrics.prometheus]\nport = 9990\n'
  t.equal(read(metrics).config.admin.port, 9990)
  t.match(read(metrics).warnings, [{ path: 'b7a.observability.metrics' }])
  t.equal(read(metrics.replace('true', 'false')).config.admin.port, 9797)
  t.equal(read(`${metrics}[admin]\nport = 1`).config.admin.port, 1)
})

t.test('Ballerina’s access log is the access log', async (t) => {
  const log = '[b7a.http.accesslog]\nconsole = true\n'
  t.match(read(log).config.accessLog, { enable: true, format: 'wso2', file: undefined })
  t.match(read(`${log}path = "logs/access_logs"`).config.accessLog, { enable: true, file: /\/logs\/access_logs$/ })
  t.equal(read(log.replace('true', 'false')).config.accessLog.enable, false)
  t.equal(read(`${log}[accessLog]\nenable = false`).config.accessLog.enable, false)
  t.strictSame(
    read(log).warnings.map(({ path }) => path),
    [],
  )
})

t.test('a negative skew means that none was set', async (t) => {
  t.equal(read('[server]\ntimestampSkew = -1').config.server.timestampSkew, 5_000)
})

t.test('the deprecated name of the factory becomes the present one', async (t) => {
  const { config, warnings } = read(
    '[tokenRevocationConfig.realtime]\njmsConnectioninitialContextFactory = "bmbInitialContextFactory"',
  )
  t.equal(config.tokenRevocationConfig.realtime.jmsConnectioninitialContextFactory, 'wso2mbInitialContextFactory')
  t.match(warnings, [{ message: 'is deprecated' }])
})

t.test('a store’s old keys give its type and URL', async (t) => {
  const etcd = 'https://127.0.0.1:2379/v2/keys/jti/'
  const hub = 'https://localhost:9443/internal/data/v1'
  const cases: readonly [string, string, string | undefined][] = [
    [`useDefault = true\nhostname = "${etcd}"`, 'etcd', etcd],
    [`useDefault = true\nhotsname = "${etcd}"`, 'etcd', etcd],
    [`useDefault = true\nhostname = ""\nendpointURL = "${hub}"`, 'default', hub],
    [`useDefault = true\nendpointURL = "https://e/v3/keys/jti"`, 'etcd', 'https://e/v3/keys/jti'],
    [`hostname = "${etcd}"\nendpointURL = "${hub}"\ntype = "etcd"`, 'etcd', etcd],
    ['useDefault = true', 'default', hub],
    ['useDefault = false', 'default', hub],
    [`type = "etcd"\nuseDefault = false`, 'etcd', undefined],
  ]
  for (const [text, type, url] of cases) {
    const { type: foundType, endpointURL } = persistent(text)
    t.same([foundType, endpointURL], [type, url], text)
  }
  t.ok(read(`[${PERSISTENT}]\nhostname = "${etcd}"\nuseDefault = true`).warnings.length === 2)
})

t.test('servers of etcd may be written without a scheme; the event hub may not', async (t) => {
  const enabled = `[${PERSISTENT}]\nenablePersistentStorageRetrieval = true\n`
  t.strictSame(problemsOf(`${enabled}type = "etcd"\nendpointURL = "http://a:2379,b:2379/v3/keys/jti/"`), [])
  t.match(problemsOf(`${enabled}type = "default"\nendpointURL = "hub:9443"`), [
    { path: `${PERSISTENT}.endpointURL`, message: 'must begin with http:// or https://' },
  ])
})

t.test('a store that the old keys leave open is a problem', async (t) => {
  const enabled = `[${PERSISTENT}]\nenablePersistentStorageRetrieval = true\n`
  t.match(problemsOf(`${enabled}useDefault = false`), [{ path: `${PERSISTENT}.useDefault`, message: /custom store/ }])
  t.match(problemsOf(`${enabled}endpointURL = "http://e:2379/v2/keys/jti"\ntype = "default"`), [
    { path: `${PERSISTENT}.type`, message: /names keys of etcd/ },
  ])
})

t.test('lower-case keymanager without keyManager has no effect, and says so', async (t) => {
  const { config, warnings } = read('[keymanager.security.basic]\nusername = "u"')
  t.equal(config.keyManager, undefined)
  t.match(warnings, [{ path: 'keymanager', message: /no effect/ }])
  t.match(problemsOf('[keyManager.security.basic]\nusername="a"\n[keymanager.security.basic]\nusername="b"'), [
    { path: 'keymanager.security', message: /twice/ },
  ])
})

t.test('sections that are not implemented are one warning each, whatever they hold', async (t) => {
  const { warnings } = read(`
[analytics]
enable = true
[analytics.fileUpload]
enable = true
anything = 1
[throttlingConfig]
enabledGlobalTMEventPublishing = true
[[throttlingConfig.binary.URLGroup]]
receiverURL = "tcp://localhost:9611"
[validationConfig]
enableRequestValidation = true
[jwtGeneratorConfig]
jwtGeneratorEnabled = true
[basicAuthConfig]
[basicAuthConfig.userStore]
type = "x"
[http2]
enable = true
[apikey.issuer.tokenConfig]
enabled = true
[filters]
request = ["x"]
[b7a.users.admin]
password = "x"
[apim.credentials]
username = "admin"
[keyManager]
external = true
remoteUserClaimRetrievalEnabled = true
[mutualSSLConfig]
protocolName = "TLS"
ciphers = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
[[mutualSSLConfig.api.certificates]]
name = "x"
`)
  t.same(warnings.map((each) => each.path).sort(), [
    'analytics',
    'apikey',
    'apim',
    'b7a',
    'basicAuthConfig',
    'filters',
    'jwtGeneratorConfig',
    'keyManager',
    'mutualSSLConfig',
    'throttlingConfig',
    'validationConfig',
  ])
})

t.test('sections that say themselves that they are off are not worth a warning', async (t) => {
  const { warnings } = read(`
[analytics]
[analytics.fileUpload]
enable = false
[analytics.gRPCAnalytics]
enable = false
[http2]
enable = "false"
[throttlingConfig]
[validationConfig]
enableRequestValidation = false
enableResponseValidation = "false"
`)
  t.same(warnings, [])
})

t.test('harmless values of keys that are not used are not worth a warning', async (t) => {
  const { warnings } = read('[keyManager]\nexternal = false\njwksURL = ""\n[mutualSSLConfig]\nprotocolName = "TLS"')
  t.same(warnings, [])
})

t.test('an unsupported key that restricts access is a problem with a remedy', async (t) => {
  const issuer = '[[jwtTokenConfig]]\nissuer = "i"\n'
  const cases: readonly [string, string][] = [
    ['[httpClients.proxy]\nenable = true', 'httpClients.proxy.enable'],
    ['[mutualSSLConfig]\nsslVerifyClient = "require"', 'mutualSSLConfig.sslVerifyClient'],
    ['[keyManager]\nenableLegacyMode = true', 'keyManager.enableLegacyMode'],
    [`${issuer}jwksURL = "http://i"\nvalidateSubscription = true`, 'jwtTokenConfig[0].validateSubscription'],
    ['[security]\nvalidateSubscriptions = true', 'security.validateSubscriptions'],
  ]
  for (const [text, path] of cases) t.match(problemsOf(text), [{ path, message: /not supported/, remedy: /./ }], text)
  t.same(
    problemsOf(`${issuer}jwksURL = "http://i"\ncertificateAlias = "a"`),
    [],
    'an alias beside a key set is not needed',
  )
  t.match(problemsOf(`${issuer}certificateAlias = "a"`), [
    { path: 'jwtTokenConfig[0].certificateAlias', remedy: /trustStorePath/ },
  ])
  t.same(problemsOf(`${issuer}certificateAlias = "a"\n[listenerConfig]\ntrustStorePath = "ca.p12"`), [])
  t.same(problemsOf('[listenerConfig]\ntrustStorePath = "ca.pem"'), [])
  t.same(problemsOf(`[${PERSISTENT}]\ntype = "etcd"`), [], 'a store that is not enabled needs no support')
})

t.test('TLS versions that are never spoken are warned of', async (t) => {
  const { config, warnings } = read('[mutualSSLConfig]\nprotocolVersions = "TLSv1.2,TLSv1.1"')
  t.same(config.mutualSSLConfig.protocolVersions, ['TLSv1.2'])
  t.match(warnings, [{ path: 'mutualSSLConfig.protocolVersions' }])
})
