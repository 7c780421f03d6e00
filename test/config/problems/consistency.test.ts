import t from 'tap'
import { problems, read } from '../files.js'

t.test('risky settings are warned of', async (t) => {
  const warned = read(
    '[httpClients]\ndisableSslVerification = true\nverifyHostname = false\n[admin]\nhost = "0.0.0.0"',
  ).warnings
  t.same(
    warned.map((each) => each.path),
    ['httpClients.disableSslVerification', 'httpClients.verifyHostname', 'admin.host'],
  )
  t.match(read('[admin]\nhost = "0.0.0.0"\ntoken = "t"').warnings, [{ path: 'admin.host', message: /unencrypted/ }])
  t.same(read('[admin]\nhost = "127.0.0.1"\ntoken = "t"').warnings, [])
  const serving = '[tokenRevocationConfig.persistent]\nserveWhileListing = true\nenablePersistentStorageRetrieval ='
  t.match(read(`${serving} true`).warnings, [
    { path: 'tokenRevocationConfig.persistent.serveWhileListing', message: /revoked while the gateway was down/ },
  ])
  t.same(read(`${serving} false`).warnings, [], 'there is no store to wait for')
  const issuer = (name: string) => `[[jwtTokenConfig]]\nissuer = "${name}"\njwksURL = "https://i.example/jwks"\n`
  const topic = '[tokenRevocationConfig.realtime]\nenableRealtimeMessageRetrieval = true\n'
  const persistent = '[tokenRevocationConfig.persistent]\nenablePersistentStorageRetrieval = true\n'
  const several = `${issuer('https://a')}${issuer('https://b')}`
  t.match(read(`${several}${topic}${persistent}`).warnings, [
    {
      path: 'tokenRevocationConfig.realtime.issuer',
      message: /revoked for the tokens of all/,
      remedy: /tokenRevocationConfig.realtime.issuer and tokenRevocationConfig.persistent.issuer/,
    },
  ])
  const of = 'issuer = "https://a"\n'
  t.match(read(`${several}${topic}${of}${persistent}`).warnings, [{ path: 'tokenRevocationConfig.persistent.issuer' }])
  t.same(read(`${several}${topic}${of}${persistent}${of}`).warnings, [])
  t.same(read(`${issuer('https://a')}${topic}${persistent}`).warnings, [], 'there is one issuer')
  t.match(read(`${issuer('https://a/')}${topic}${of}${persistent}`).warnings, [
    { path: 'tokenRevocationConfig.realtime.issuer', message: /no \[\[jwtTokenConfig\]\] has this issuer/ },
  ])
  const keyManager = '[keyManager]\nserverUrl = "https://km.example"\n'
  t.same(read(`${keyManager}${topic}${of}`).warnings, [], 'tokens are introspected')
})

const ISSUER = '[[jwtTokenConfig]]\nissuer = "i"\n'
const REALTIME = '[tokenRevocationConfig.realtime]\n'
const PERSISTENT = '[tokenRevocationConfig.persistent]\n'
const STORE = `${PERSISTENT}enablePersistentStorageRetrieval = true\n`
const API = (path: string) => `[[apis]]\nname = "a"\nbasePath = "${path}"\nendpoints = "http://u"\n`

t.test('keys that exclude or require each other are a problem of one of them', async (t) => {
  const cases: readonly [text: string, path: string, problem: RegExp][] = [
    ['[listenerConfig]\ncertFile = "c"', 'listenerConfig.keyFile', /is missing: certFile is set; set both or neither/],
    ['[listenerConfig]\nkeyFile = "k"', 'listenerConfig.certFile', /is missing: keyFile is set/],
    [
      '[listenerConfig]\ncertFile = "c"\nkeyFile = "k"\nkeyStorePath = "s"',
      'listenerConfig.keyStorePath',
      /conflicts with certFile; remove one/,
    ],
    ['[listenerConfig]\nhttpsPort = 9090', 'listenerConfig.httpsPort', /same port as listenerConfig\.httpPort/],
    ['[admin]\nport = 9095', 'admin.port', /same port as listenerConfig\.httpsPort/],
    [`${ISSUER}jwksURL = "http://i"\n${ISSUER}jwksURL = "http://j"`, 'jwtTokenConfig[1].issuer', /duplicate issuer/],
    [ISSUER, 'jwtTokenConfig[0].jwksURL', /is missing: .* can’t be verified without it; set it/],
    [`${ISSUER}certificateAlias = "a"`, 'jwtTokenConfig[0].certificateAlias', /trustStorePath is not set/],
    [`${REALTIME}certFile = "c"`, 'tokenRevocationConfig.realtime.keyFile', /set both or neither/],
    [
      `${REALTIME}enableRealtimeMessageRetrieval = true\njmsConnectionProviderUrl = ""`,
      'tokenRevocationConfig.realtime.jmsConnectionProviderUrl',
      /is empty; set it to the broker’s URL/,
    ],
    [`${PERSISTENT}keyFile = "k"`, 'tokenRevocationConfig.persistent.certFile', /set both or neither/],
    [
      `${STORE}type = "ectd"`,
      'tokenRevocationConfig.persistent.module',
      /neither "default" nor "etcd"; .* correct type/,
    ],
    [`${STORE}type = "etcd"`, 'tokenRevocationConfig.persistent.endpointURL', /is missing; set it to the URL of etcd/],
    [`${STORE}endpointURL = "hub:9443"`, 'tokenRevocationConfig.persistent.endpointURL', /must begin with http/],
    [
      '[httpClients.circuitBreaker.rollingWindow]\nbucketSizeInMillis = 1',
      'httpClients.circuitBreaker.rollingWindow.bucketSizeInMillis',
      /at most 1000 times; leave it out/,
    ],
    [`${API('/a')}${API('/a')}`, 'apis[1].basePath', /duplicate base path: apis\[0\]\.basePath has it too/],
  ]
  for (const [text, path, problem] of cases) {
    const found = problems(text)
    t.same([...found.keys()], [path], text)
    t.match(found.get(path), problem, text)
  }
})

t.test('keys that only look as if they excluded each other are none', async (t) => {
  for (const text of [
    '[listenerConfig]\nhttpPort = 0\nhttpsPort = 0\ntokenListenerPort = 0',
    '[listenerConfig]\nhost = "127.0.0.2"\nhttpPort = 9797',
    `${ISSUER}jwksURL = "http://i"\ncertificateAlias = "a"`,
    `${ISSUER}sharedSecret = "s"`,
    `${PERSISTENT}type = "mine"`,
    `${REALTIME}jmsConnectionProviderUrl = ""`,
    `${API('/a')}${API('/b')}`,
  ]) {
    t.same([...problems(text)], [], text)
  }
})

t.test('the PROXY protocol needs a load balancer that is trusted', async (t) => {
  const paths = (text: string) => [...problems(`[listenerConfig]\n${text}`).keys()]
  t.same(paths('proxyProtocol = true'), ['listenerConfig.proxyProtocol'])
  t.same(paths('proxyProtocol = true\ntrustedProxies = ["10.0.0.0/8"]'), [])
  t.same(paths('trustedProxies = ["10.0.0.0/33", "::1/64", "a"]'), [
    'listenerConfig.trustedProxies[0]',
    'listenerConfig.trustedProxies[2]',
  ])
})
