import t from 'tap'
import { ConfigError, parseConfig } from '../../../src/config/index.js'
import { knownKeys } from '../../../src/config/schema/keys.js'

function problemsOf(text: string) {
  try {
    parseConfig(text, 'a.conf', {})
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems
  }
  return []
}

function explanation(text: string, path: string): string | undefined {
  const found = problemsOf(text).find((each) => each.path === path)
  return found && `${found.message}; ${found.remedy}`
}

t.test('an unknown key names the nearest known one', async (t) => {
  const cases: readonly [string, string, RegExp][] = [
    ['[listenerConfig]\nhtpPort = 1', 'listenerConfig.htpPort', /did you mean httpPort\?/],
    ['[listenerConfig]\nHTTPPORT = 1', 'listenerConfig.HTTPPORT', /did you mean httpPort\?/],
    ['[listnerConfig]\nhttpPort = 1', 'listnerConfig', /unknown table .*did you mean listenerConfig\?/],
    ['[tokenRevocationConfig.persistant]', 'tokenRevocationConfig.persistant', /did you mean persistent\?/],
    [
      '[tokenRevocationConfig.realtime]\njmsConnectionInitialContextFactory = "x"',
      'tokenRevocationConfig.realtime.jmsConnectionInitialContextFactory',
      /did you mean jmsConnectioninitialContextFactory\?/,
    ],
    ['[[jwtTokenConfig]]\nisuer = "x"', 'jwtTokenConfig[0].isuer', /in \[\[jwtTokenConfig\]\].*did you mean issuer\?/],
    ['[httpClients.proxy]\nenabled = false', 'httpClients.proxy.enabled', /did you mean enable\?/],
    ['[caching]\nenable = false', 'caching.enable', /did you mean enabled\?/],
    ['[logging]\nhtpPort = 1', 'logging.htpPort', /did you mean httpPort in \[listenerConfig\]\?/],
    ['[logging]\nxyzzyxyzzy = 1', 'logging.xyzzyxyzzy', /known here: level, format/],
    ['[xyzzyxyzzy]\na = 1', 'xyzzyxyzzy', /unknown table/],
    ['"a b\\n" = 1', '"a b\\n"', /unknown key/],
  ]
  for (const [text, path, expected] of cases) t.match(explanation(text, path), expected, text)
})

t.test('a key that stands in the wrong table, or in none, names the right one', async (t) => {
  const pasted = `
enableRealtimeMessageRetrieval = true
jmsConnectionTopic = "tokenRevocation"
jmsConnectioninitialContextFactory = "org.apache.activemq.jndi.ActiveMQInitialContextFactory"
jmsConnectionProviderUrl= "tcp://localhost:61616"
jmsConnectionUsername = "admin"
jmsConnectionPassword = "admin"
enablePersistentStorageRetrieval = true
type = "etcd"
endpointURL = "https://etcd/v3/keys/jti/"
username = "root"
password = "root"
`
  const remedy =
    'add the header [tokenRevocationConfig.realtime] above enableRealtimeMessageRetrieval, and [tokenRevocationConfig.persistent] above enablePersistentStorageRetrieval'
  t.match(problemsOf(pasted), [
    { path: 'enableRealtimeMessageRetrieval', message: '11 keys from here on are outside their tables', remedy },
  ])
  t.match(problemsOf(`[logging]\n${pasted}`), [
    {
      path: 'logging.enableRealtimeMessageRetrieval',
      message: '11 keys from here on do not belong in [logging]',
      remedy,
    },
  ])
  t.equal(problemsOf(`${pasted}[logging]\nlevl = "debug"`).length, 2, 'what else is wrong is told as well')
  t.match(
    explanation('[logging]\njmsConnectionTopic = "a"', 'logging.jmsConnectionTopic'),
    'does not belong in [logging]: it belongs in [tokenRevocationConfig.realtime]; add the header',
  )
  t.match(explanation('useDefault = true', 'useDefault'), 'it belongs in [tokenRevocationConfig.persistent]')
  t.match(explanation('remoteClaim = "a"', 'remoteClaim'), 'it belongs in [[jwtTokenConfig.claims]]')
  t.match(explanation('username = "a"', 'username'), /belongs in \[.*\] or \[.*\]/, 'several tables have it')
})

t.test('every key at the top of the file is told where it belongs', async (t) => {
  for (const { table, name } of knownKeys) {
    if (table !== '') t.match(explanation(`${name} = 1`, name), /belongs in \[/, name)
  }
})

t.test('thousands of unknown keys are refused without delay', async (t) => {
  const text = Array.from({ length: 50_000 }, (_, index) => `key${index} = 1`).join('\n')
  const start = performance.now()
  t.throws(() => parseConfig(text, 'a.conf', {}), { code: 'ERR_CONFIG' })
  t.ok(performance.now() - start < 5_000)
})
