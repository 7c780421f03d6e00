import { once } from 'node:events'
import { appendFile, readFile, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import toml from '@iarna/toml'
import { decodeJwt } from 'jose'
import rhea from 'rhea'
import { type Test, test } from 'tap'
import { type Demo, type DemoOptions, FREE_PORTS, type RunningGateway, runDemo } from '../../src/demo/run.js'
import { createLogging } from '../../src/logging/index.js'
import { issue, revoke, trusting } from './token-service/service-client.js'

const DEFINITION = `openapi: 3.0.0
x-wso2-basePath: /petstore/v1
x-wso2-production-endpoints:
  urls:
    - https://petstore.example/v2
paths: {}
`

interface Started {
  readonly demo: Demo
  readonly printed: string
  readonly config: Record<string, Record<string, unknown>>
  readonly closed: string[]
}

/** Runs the demo with a stand-in for the gateway, which only reads the file that it is given. */
async function run(t: Test, directory: string, options: Partial<DemoOptions> = {}): Promise<Started> {
  let printed = ''
  let config = {}
  const closed: string[] = []
  const gateway: RunningGateway = {
    httpPort: 19090,
    httpsPort: 19095,
    adminPort: 19797,
    known: async () => undefined,
    close: async () => void closed.push('gateway'),
  }
  const demo = await runDemo({
    directory: join(directory, 'demo'),
    ports: FREE_PORTS,
    definition: DEFINITION,
    startGateway: async (file) => {
      config = toml.parse(await readFile(file, 'utf8'))
      return gateway
    },
    print: (text) => {
      printed += text
    },
    ...options,
  })
  t.teardown(() => demo.close())
  return { demo, printed, config: config as Started['config'], closed }
}

test('the commands are printed ready to paste, with the real ports', async (t) => {
  const { printed, demo } = await run(t, t.testdir())
  const pets = '"https://localhost:19095/petstore/v1/pet/findByStatus?status=available"'
  for (const line of [
    'curl -sk -u demo:demo -d grant_type=client_credentials https://localhost:19095/token',
    `curl -k -H "Authorization: Bearer $TOKEN" ${pets}`,
    'curl -k -u demo:demo -d "token=$TOKEN" https://localhost:19095/revoke',
    `curl -k -i -H "Authorization: Bearer $TOKEN" ${pets}`,
  ]) {
    t.ok(printed.split('\n').includes(line), line)
  }
  for (const url of Object.values(demo.urls)) t.ok(printed.includes(url), url)
})

test('the configuration names parts that are there: the topic, the list, the key set, the API', async (t) => {
  const directory = t.testdir()
  const { config, demo } = await run(t, directory)
  const home = join(directory, 'demo')
  t.equal((await stat(demo.urls.configFile)).mode & 0o777, 0o600)
  t.match(config, {
    apiDefinitions: 'api_definitions',
    listenerConfig: { host: '127.0.0.1', httpPort: 0, httpsPort: 0, trustStorePath: /\.pem$/ },
    keyManager: { serverUrl: demo.urls.tokenService, tokenContext: 'oauth2' },
    jwtTokenConfig: [{ jwksURL: `${demo.urls.tokenService}/oauth2/jwks` }],
    tokenRevocationConfig: {
      realtime: { enableRealtimeMessageRetrieval: true, jmsConnectionTopic: 'tokenRevocation' },
      persistent: { enablePersistentStorageRetrieval: true, type: 'default', username: 'admin', password: 'admin' },
    },
  })
  const { realtime = {}, persistent = {} } = config.tokenRevocationConfig as Record<string, Record<string, string>>
  t.match(await readFile(join(home, persistent.caFile ?? ''), 'utf8'), /BEGIN CERTIFICATE/)
  t.equal(persistent.endpointURL, `${demo.urls.tokenService}/internal/data/v1`)

  const { hostname, port } = new URL(realtime.jmsConnectionProviderUrl ?? '')
  const connection = rhea
    .create_container()
    .connect({ host: hostname, port: Number(port), username: 'admin', password: 'admin', reconnect: false })
  await once(connection.open_receiver(`topic://${realtime.jmsConnectionTopic}`), 'receiver_open')
  connection.close()
  await once(connection, 'connection_close')

  const definition = await readFile(join(home, 'api_definitions', 'petstore.yaml'), 'utf8')
  const endpoint = /urls: \["(.*)"\]/.exec(definition)?.[1]
  t.equal((await fetch(`${endpoint}/pet/findByStatus?status=available`)).status, 200)
})

test('a close stops the gateway and every part', async (t) => {
  const { demo, closed } = await run(t, t.testdir())
  await demo.close()
  t.same(closed, ['gateway'])
  for (const url of [demo.urls.petstore, demo.urls.tokenService]) await t.rejects(fetch(url))
})

test('a port in use is named with whose it is, and nothing is left running', async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const directory = t.testdir()
  for (const [key, part] of [
    ['petstore', 'petstore'],
    ['broker', 'message broker'],
    ['tokenService', 'token service'],
  ] as const) {
    const started = run(t, directory, { ports: { ...FREE_PORTS, [key]: port } })
    await t.rejects(started, { code: 'ERR_DEMO_PORT_IN_USE', port, message: new RegExp(`${port}.*${part}`) })
  }
  const startGateway = async () => {
    const error = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE', port: 9095 })
    throw new Error('the gateway could not start', { cause: error })
  }
  await t.rejects(run(t, directory, { startGateway }), {
    code: 'ERR_DEMO_PORT_IN_USE',
    port: 9095,
    message: /9095.*gateway/,
  })
})

test('a gateway that does not start ends the demo with its own error', async (t) => {
  const failure = new Error('no')
  const startGateway = () => Promise.reject(failure)
  const started = run(t, t.testdir(), { startGateway })
  await t.rejects(started, failure)
})

test('no token, jti or password is logged at any level', async (t) => {
  const lines: string[] = []
  const logging = createLogging({ level: 'trace', format: 'json', stream: { write: (line) => void lines.push(line) } })
  const directory = t.testdir()
  const list = join(directory, 'demo', 'token-service', 'revoked-tokens.jsonl')
  const { demo } = await run(t, directory, { logging })
  const call = trusting(demo.urls.tokenService, await readFile(join(dirname(list), 'self-signed-cert.pem'), 'utf8'))
  const token = await issue(call)
  await revoke(call, token)
  await revoke(call, `${token}x`)
  await demo.close()
  await appendFile(list, `damaged ${token}\n`)
  await run(t, directory, { logging })
  t.match(lines, [/unreadable lines/], 'something is logged at all')
  for (const secret of [
    ...token.split('.'),
    String(decodeJwt(token).jti),
    'demo:demo',
    'admin:admin',
    btoa('demo:demo'),
  ]) {
    t.notOk(lines.some((line) => line.includes(secret)))
  }
})
