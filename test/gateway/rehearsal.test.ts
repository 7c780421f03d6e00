import { readdirSync } from 'node:fs'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { readInputs, rehearseStart, startGateway } from '../../src/gateway.js'
import { type Logging, silent } from '../../src/logging/index.js'
import { missing, opensslKey } from '../certificates/stores.js'

const API = `openapi: 3.0.0
info: {title: P, version: 1.0.0}
x-wso2-basePath: /p
x-wso2-production-endpoints: {urls: ["http://127.0.0.1:1"]}
paths: {"/x": {get: {responses: {"200": {description: ok}}}}}
`
const PORTS = `[admin]
port = 0
[listenerConfig]
host = "127.0.0.1"
httpPort = 0
httpsPort = 0
`
const ISSUER = '[[jwtTokenConfig]]\nissuer = "https://sts.test/"\n'
const JWKS = `${ISSUER}jwksURL = "http://127.0.0.1:1/jwks"\n`
const TOPIC = '[tokenRevocationConfig.realtime]\nenableRealtimeMessageRetrieval = true\n'
const BROKER = `${TOPIC}jmsConnectionProviderUrl = `
const STORE = '[tokenRevocationConfig.persistent]\nenablePersistentStorageRetrieval = true\n'
const ETCD = `${STORE}type = "etcd"\nendpointURL = `
const MODULE = `${STORE}type = "mine"\nmodule = `
const OAUTH2 = '[keyManager]\n[keyManager.security.oauth2]\nenabled = true\n'

/** A directory with all that the mistakes name. */
async function world(t: Test) {
  const directory = t.testdir({
    api_definitions: { 'a.yaml': API },
    broken: { 'a.yaml': 'openapi: 3.0.0\npaths: {' },
    named: { 'gateway-name': {} },
    'bad.pem': 'no certificate',
    'damaged.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'bad.p12': Buffer.from('3003020103', 'hex'),
    'number.mjs': 'export default 3',
    'syntax.mjs': 'export function {',
    'throws.mjs': 'export function createStore() { throw new Error("no") }',
    'nothing.mjs': 'export function createStore() {}',
    'no-list.mjs': 'export function createStore() { return { name: "mine" } }',
    'a-file': '',
  })
  for (const name of ['one', 'two']) {
    const made = await ensureSelfSigned(join(directory, name))
    await cp(made.certFile, join(directory, `${name}.pem`))
    await cp(made.keyFile, join(directory, `${name}-key.pem`))
  }
  return directory
}

/** What is wrong, and the file's text. */
const mistakes: readonly (readonly [what: string, text: string])[] = [
  ['a variable that is not set', `${JWKS}[admin]\ntoken = "$env{MGW_TEST_NOT_SET}"`],
  ['a definition that is damaged', `apiDefinitions = "broken"\n${JWKS}`],
  ['no directory of definitions', `apiDefinitions = "nowhere"\n${JWKS}`],
  ['a file that is not there', `${PORTS}trustStorePath = "nowhere.p12"`],
  ['a broker without a scheme', `${BROKER}"localhost:5672"`],
  ['a broker of another scheme', `${BROKER}"http://localhost:8161"`],
  ['an empty list of brokers', `${BROKER}"amqp://admin:admin@carbon/carbon?brokerlist=''"`],
  ['an empty failover', `${BROKER}"failover:()"`],
  ['a port of a broker that is none', `${BROKER}"tcp://localhost:99999"`],
  [
    'a factory that contradicts the URL',
    `${TOPIC}jmsConnectioninitialContextFactory = "wso2mbInitialContextFactory"\njmsConnectionProviderUrl = "tcp://localhost:61616"`,
  ],
  ['a heartbeat that is none', `${BROKER}"amqp://a:b@c/d?brokerlist='tcp://localhost:5672?heartbeat='x''"`],
  ['authorities of a broker that cannot be read', `${BROKER}"ssl://localhost:1"\ncaFile = "damaged.pem"`],
  ['a client certificate that is none', `${BROKER}"ssl://localhost:1"\ncertFile = "bad.pem"\nkeyFile = "one-key.pem"`],
  [
    'a key store of a broker that cannot be read',
    `${BROKER}"amqp://a:b@c/d?brokerlist='tcp://h:1?ssl='true'&key_store='DIRECTORY/bad.p12'&key_store_password='x''"`,
  ],
  [
    'a name of the gateway that cannot be read',
    `[server]\nstateDirectory = "named"\n${BROKER}"amqp10://localhost:1"\ndurableSubscription = true`,
  ],
  ['an etcd without a prefix', `${ETCD}"http://127.0.0.1:2379/v3/keys/"`],
  ['a path that etcd does not have', `${ETCD}"http://127.0.0.1:2379/foo/bar"`],
  ['servers of etcd with different schemes', `${ETCD}"http://a:2379,https://b:2379"`],
  ['a store’s key of another certificate', `${ETCD}"https://a:2379"\ncertFile = "one.pem"\nkeyFile = "two-key.pem"`],
  ['a type of store with a typing error', `${STORE}type = "ectd"\nendpointURL = "http://127.0.0.1:2379/v3/keys/jti/"`],
  ['a module that exports no createStore', `${MODULE}"number.mjs"`],
  ['a module with a syntax error', `${MODULE}"syntax.mjs"`],
  ['a createStore that throws', `${MODULE}"throws.mjs"`],
  ['a createStore that returns nothing', `${MODULE}"nothing.mjs"`],
  ['a store without list', `${MODULE}"no-list.mjs"`],
  ['a certificate that is none', `${PORTS}certFile = "bad.pem"\nkeyFile = "one-key.pem"`],
  ['a key of another certificate', `${PORTS}certFile = "one.pem"\nkeyFile = "two-key.pem"`],
  ['a key store that is damaged', `${PORTS}keyStorePath = "bad.p12"\nkeyStorePassword = "x"`],
  ['a trust store without a certificate', `${PORTS}trustStorePath = "one-key.pem"`],
  ['a key store for upstreams that is none', '[httpClients.sslConfig]\nkeyStorePath = "one.pem"'],
  ['an issuer’s certificate that is none', `${ISSUER}certFile = "bad.pem"`],
  ['an alias in a file without any', `${ISSUER}certificateAlias = "x"\n${PORTS}trustStorePath = "one.pem"`],
  ['a shared secret that is too short', `${ISSUER}sharedSecret = "short"`],
  ['a claim that cannot be mapped', `${JWKS}[[jwtTokenConfig.claims]]\nremoteClaim = "a"\nlocalClaim = "exp"`],
  ['OAuth 2 without a grant', OAUTH2],
  [
    'OAuth 2 with two grants',
    `${OAUTH2}tokenUrl = "http://127.0.0.1:1"\n[keyManager.security.oauth2.directToken]\nenabled = true\naccessToken = "x"\n[keyManager.security.oauth2.clientCredential]\nenabled = true`,
  ],
  ['a state directory that is a file', '[server]\nstateDirectory = "a-file"'],
  ['a state directory below a file', '[server]\nstateDirectory = "a-file/state"'],
]

async function refusal(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt()
  } catch (error) {
    return (error as Error).message
  }
  return 'not refused'
}

t.test('check refuses what start refuses, with the same words, however many workers there are', async (t) => {
  const directory = await world(t)
  const file = join(directory, 'micro-gw.conf')
  for (const [what, text] of mistakes) {
    const written = text.replaceAll('DIRECTORY', directory)
    await writeFile(file, `${written}\n${text.includes(PORTS) ? '' : PORTS}`)
    const checked = await refusal(async () => rehearseStart(await readInputs(file)))
    t.not(checked, 'not refused', what)
    for (const workers of [1, 2]) {
      const sections = `${written}\n${text.includes(PORTS) ? '' : PORTS}`
      const server = `[server]\nworkers = ${workers}\n`
      const whole = /^\[server\]$/m.test(sections) ? sections.replace('[server]\n', server) : `${sections}${server}`
      await writeFile(file, whole)
      const started = await refusal(async () => (await startGateway(file, { logging: silent })).close())
      t.equal(started, checked, `${what}, ${workers} workers`)
    }
  }
})

t.test('a key that TLS refuses is refused by check and start', { skip: missing('openssl') }, async (t) => {
  const directory = t.testdir({ api_definitions: {} })
  await opensslKey(directory, 'weak', ['rsa:512'])
  const file = join(directory, 'micro-gw.conf')
  await writeFile(file, `${PORTS}certFile = "weak.pem"\nkeyFile = "weak-key.pem"\n[server]\nworkers = 1\n`)
  const checked = await refusal(async () => rehearseStart(await readInputs(file)))
  t.match(checked, /weak-key\.pem: its key or certificate is too weak for TLS/)
  t.equal(await refusal(async () => (await startGateway(file, { logging: silent })).close()), checked)
})

t.test('check writes nothing, connects nowhere and closes the store that it made', async (t) => {
  const directory = await world(t)
  const state = join(directory, 'state')
  const file = join(directory, 'micro-gw.conf')
  await writeFile(
    join(directory, 'good.mjs'),
    `export const calls = []
export const createStore = () => ({ name: 'mine', async *list() { calls.push('list') }, close: async () => calls.push('close') })`,
  )
  const broker = `${BROKER}"amqp10://127.0.0.1:1"\ndurableSubscription = true\n`
  await writeFile(file, `${JWKS}${PORTS}${broker}${MODULE}"good.mjs"\n[server]\nstateDirectory = "state"\n`)
  const before = readdirSync(directory)
  t.strictSame((await rehearseStart(await readInputs(file))).warnings, [])
  t.strictSame(readdirSync(directory), before)
  const { calls } = (await import(join(directory, 'good.mjs'))) as { calls: string[] }
  t.strictSame(calls, ['close'])
  await mkdir(state)
  t.strictSame((await rehearseStart(await readInputs(file))).warnings, [])
  t.strictSame(readdirSync(state), [])
})

t.test('check has the warnings that start logs while it makes its parts', async (t) => {
  const directory = await world(t)
  const { certFile } = await ensureSelfSigned(join(directory, 'state'))
  await cp(certFile, join(directory, 'one.pem'))
  const file = join(directory, 'micro-gw.conf')
  const url = "amqp://a:b@c/d?brokerlist='tcp://127.0.0.1:1'&nonsense='1'"
  await writeFile(
    file,
    `${JWKS}${PORTS}${BROKER}"${url}"\ndurableSubscription = true\n[server]\nstateDirectory = "state"\nworkers = 1\n[tokenRevocationConfig.journal]\npath = "${directory}/a-file/j"\n`,
  )
  const { warnings: checked } = await rehearseStart(await readInputs(file))
  t.match(checked, [/unknown options/, /durable subscriptions are not supported/, /journal not writable/])
  const logged: string[] = []
  const logging: Logging = (component) => ({ ...silent(component), warn: (text) => void logged.push(text) })
  await (await startGateway(file, { logging })).close()
  for (const warning of checked) {
    const text = warning.replace(/ \(.*\)$/, '')
    t.ok(
      logged.some((each) => each.startsWith(text)),
      warning,
    )
  }
})
