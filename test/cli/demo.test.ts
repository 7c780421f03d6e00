import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { form, type HttpsCall, insecureHttps } from '../support/https-client.js'
import { type Mgw, mgw } from '../support/mgw.js'

const REVOKED_BODY =
  '{"fault":{"code":900901, "message":"Invalid Credentials", "description":"Invalid Credentials. Make sure you have given the correct access token"}}'

interface RunningDemo {
  readonly process: Mgw
  readonly https: string
  readonly http: string
  readonly admin: string
  token(): Promise<string>
  pets(token: string): ReturnType<HttpsCall>
  revoke(token: string): ReturnType<HttpsCall>
}

async function startDemo(t: Test, directory: string): Promise<RunningDemo> {
  const process = mgw(t, ['demo', '--free-ports', '--log-level', 'debug', '--directory', directory])
  const [, https = '', http = ''] = await process.printed(/gateway {8}(https:\S+) {2}(http:\S+)/)
  const [, admin = ''] = await process.printed(/(http:\S+)\/ready/)
  await process.printed(/revocation list is known/)
  const call = insecureHttps(t)
  return {
    process,
    https,
    http,
    admin,
    async token() {
      const answer = await call(`${https}/token`, form({ grant_type: 'client_credentials' }))
      return (JSON.parse(answer.body) as { access_token: string }).access_token
    },
    pets: (token) =>
      call(`${https}/petstore/v1/pet/findByStatus?status=available`, { headers: { authorization: `Bearer ${token}` } }),
    revoke: (token) => call(`${https}/revoke`, form({ token })),
  }
}

/** Asks until the answer is a 401, and returns it: a revocation travels by the topic. */
async function untilRefused(demo: RunningDemo, token: string) {
  for (;;) {
    const answer = await demo.pets(token)
    if (answer.status === 401) return answer
  }
}

t.test(
  'the walk-through: a token works, is revoked, and is refused; also after kill -9 and after SIGTERM',
  async (t) => {
    const directory = t.testdir()
    const first = await startDemo(t, directory)
    const [revoked, other] = [await first.token(), await first.token()]

    const pets = await first.pets(revoked)
    t.equal(pets.status, 200)
    t.ok((JSON.parse(pets.body) as unknown[]).length > 0, 'there are pets')

    t.equal((await first.revoke(revoked)).status, 200)
    const refused = await untilRefused(first, revoked)
    t.equal(refused.body, REVOKED_BODY)
    t.equal(
      refused.headers['www-authenticate'],
      'OAuth2 realm="WSO2 API Microgateway", error="invalid token" , error_description="The access token expired"',
    )
    t.equal(refused.headers['content-type'], 'application/json')
    t.equal((await first.pets(other)).status, 200, 'another token still works')
    t.equal(await first.process.end('SIGKILL'), 'SIGKILL')

    const second = await startDemo(t, directory)
    t.equal((await second.pets(revoked)).status, 401, 'refused after kill -9')
    t.equal((await second.pets(other)).status, 200, 'a token outlives a restart')
    t.equal(await second.process.end('SIGTERM'), 0)

    const third = await startDemo(t, directory)
    t.equal((await third.pets(revoked)).status, 401, 'refused after SIGTERM')
    t.equal((await third.pets(other)).status, 200)

    const logs = [first, second, third].map(({ process }) => process.output()).join('')
    for (const token of [revoked, other]) {
      const [, payload = '', signature = ''] = token.split('.')
      const { jti } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { jti: string }
      t.notOk(logs.includes(signature), 'no token is in the log')
      t.notOk(logs.includes(jti), 'no jti is in the log')
    }
    t.notMatch(logs, /admin:admin@/)
    for (const line of [
      'DEBUG [wso2/gateway] - [TokenRevocationJMS] [-] token revoked jms Message Received',
      'DEBUG [wso2/gateway] - [TokenRevocationJMS] [-] Successfully added to revoked token map',
      'INFO [wso2/gateway] - [TokenRevocationJMS] [-] subscriber service for token revocation is started',
    ]) {
      t.ok(logs.includes(line), line)
    }
    t.match(logs, /\[JWTAuthProvider\] \[\S+\] JWT Token is revoked/)
  },
)

t.test('the demo answers without credentials where it should, and nowhere else', async (t) => {
  const demo = await startDemo(t, t.testdir())
  const call = insecureHttps(t)
  for (const base of [demo.https, demo.http]) {
    const answer = await (base.startsWith('https') ? call(`${base}/health`) : fetch(`${base}/health`))
    t.equal(answer.status, 200)
  }
  t.equal((await fetch(`${demo.admin}/ready`)).status, 200)
  t.equal((await call(`${demo.https}/petstore/v1/pet/1`)).status, 401)
  t.equal((await fetch(`${demo.http}/token`, { method: 'POST' })).status, 404, 'no key manager on the plain listener')
})

t.test('a port that is in use is named, with what to do, and nothing stays behind', async (t) => {
  const demo = await startDemo(t, t.testdir())
  const directory = t.testdir()
  const [, port] = /:(\d+)$/.exec(demo.http) ?? []
  // The one port that is in use: whoever has the others on this machine does not matter.
  const conf = readFileSync('conf/micro-gw.conf', 'utf8')
    .replace('httpPort = 9090', `httpPort = ${port}`)
    .replace('httpsPort = 9095', 'httpsPort = 0')
    .replace('#[admin]', '[admin]\n  port = 0')
  t.testdir({ 'micro-gw.conf': conf, api_definitions: {} })
  const second = mgw(t, ['start', '-c', join(directory, 'micro-gw.conf')])
  t.equal(await second.ended(), 1)
  t.match(second.output(), new RegExp(`${port}`))
})
