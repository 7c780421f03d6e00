import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { faults } from '../../../src/faults/index.js'
import { silent } from '../../../src/logging/index.js'
import { RequestMetrics } from '../../../src/metrics/index.js'
import { Http1Stream } from '../../../src/proxy/index.js'
import { UnconfirmedRevocation } from '../../../src/revocation/index.js'
import { RevokeEndpoint, type RevokeEndpointOptions } from '../../../src/server/key-manager/revoke-endpoint.js'
import { listen } from '../../../src/server/listeners/listener.js'
import { RequestLog } from '../../../src/server/log/request-log.js'
import type { ExchangeContext } from '../../../src/server/pipeline/exchange-context.js'
import { HttpExchange } from '../../../src/server/pipeline/http-exchange.js'
import { etcdMissing, startEtcd } from '../../services/etcd.js'
import { SILENT, UNTRACED } from '../../support/forwarding.js'
import { type RunningGateway, startGateway, type World, world } from '../../support/gateway.js'
import { hostGateway } from '../../support/gateway-in-process.js'
import { form, type HttpsAnswer } from '../../support/https-client.js'
import { httpClient, httpServer } from '../../support/servers.js'
import { NOBODY } from '../../token/nobody.js'

const OFF = { realtime: 'enableRealtimeMessageRetrieval = false', persistent: '' }

/** A gateway that hears of revocations from nobody else. */
const alone = (t: Test, w: World) => startGateway(t, w.configFile(w.keyManager(), OFF))
/** The same in this process, which is started in no time. */
const hosted = (t: Test, w: World, keyManager: string, name: string) =>
  hostGateway(t, w.configFile(keyManager, OFF, name))

type Asked = Pick<RunningGateway, 'call' | 'https' | 'admin'>

const post = (gateway: Asked, fields: Record<string, string>, at = gateway.https): Promise<HttpsAnswer> =>
  gateway.call(`${at}/revoke`, form(fields))

const entries = async (gateway: Asked): Promise<number> => {
  const answer = await fetch(`${gateway.admin}/ready`)
  const { revocations } = (await answer.json()) as { revocations: { entries: { tokens: number } } }
  return revocations.entries.tokens
}

type Reply = (res: ServerResponse) => void

/** A key manager that answers every revocation with 200, as RFC 7009 has it for unknown tokens, unless told otherwise. */
async function gullible(t: Test) {
  const headers: Record<string, string> = {}
  const instead: { introspection?: Reply | undefined; revocation?: Reply | undefined } = {}
  const seen: { headers: NodeJS.Dict<string | string[]>; body: string; url: string | undefined }[] = []
  const { origin } = await httpServer(t, (req, res) => {
    let body = ''
    req.on('data', (chunk) => {
      body += chunk
    })
    req.on('end', () => {
      // It is the gateway that asks this, not its client.
      if (req.url === '/oauth2/introspect') {
        return instead.introspection === undefined ? void res.end('{"active":false}') : instead.introspection(res)
      }
      seen.push({ headers: req.headers, body, url: req.url })
      if (instead.revocation !== undefined) return instead.revocation(res)
      res.writeHead(200, { 'x-of-key-manager': 'yes', ...headers }).end('{"it":"is"}')
    })
  })
  return { origin, seen, headers, instead }
}

/** One for all tests: making its keys takes longer than most of them. Each has gateways of its own name. */
const w = await world(t)

t.test('a real key manager', async (t) => {
  const gateway = await alone(t, w)

  t.test('the key manager refuses the client: nothing is revoked', async (t) => {
    const token = await w.token()
    const { headers, ...rest } = form({ token })
    const answer = await gateway.call(`${gateway.https}/revoke`, {
      ...rest,
      headers: { ...headers, authorization: 'Basic eDp5' },
    })
    t.equal(answer.status, 401)
    t.ok(answer.headers['www-authenticate'])
    t.equal(await gateway.status(token), 200)
  })

  t.test('the token listener has the key manager’s endpoints and /health; plain HTTP has none of them', async (t) => {
    const token = await w.token()
    const issued = await gateway.call(`${gateway.tokens}/token`, form({ grant_type: 'client_credentials' }))
    t.equal(issued.status, 200)
    t.equal((await gateway.call(`${gateway.tokens}/health`)).status, 200)
    const api = await gateway.call(`${gateway.tokens}/things/v1/thing/1`, {
      headers: { authorization: `Bearer ${token}` },
    })
    t.equal(api.status, 404)
    t.equal((await gateway.call(`${gateway.tokens}/token`)).status, 404, 'GET')
    t.equal((await post(gateway, { token }, gateway.tokens)).status, 200)
    t.equal(await gateway.status(token), 401)
    for (const path of ['/token', '/revoke', '/authorize', '/userinfo']) {
      t.equal((await fetch(gateway.http + path, { method: path.length < 9 ? 'POST' : 'GET' })).status, 404, path)
    }
  })

  t.test('a key manager that cannot be reached is a 502', async (t) => {
    const token = await w.token()
    t.equal(await gateway.status(token), 200)
    await w.stopHub()
    t.equal((await post(gateway, { token })).status, 502)
    t.equal(await gateway.status(token), 200)
    await w.startHub()
  })

  t.test(
    'a token that is revoked through the gateway is refused by the very next request, and after kill -9',
    async (t) => {
      const [revoked, control] = [await w.token(), await w.token()]
      t.equal(await gateway.status(revoked), 200)
      const answer = await post(gateway, { token: revoked })
      t.equal(answer.status, 200)
      t.equal(answer.headers.revokedaccesstoken, revoked, "the key manager's answer is passed on whole")
      t.equal(await gateway.status(revoked), 401)
      t.equal(await gateway.status(control), 200)
      await gateway.process.end('SIGKILL')
      const again = await alone(t, w)
      t.equal(await again.status(revoked), 401)
      t.equal(await again.status(control), 200)
      t.notOk(again.process.output().includes(revoked), 'no token is in the log')
    },
  )
})

t.test('a key manager that answers 200 to anything', async (t) => {
  const keyManager = await gullible(t)
  const gateway = await hosted(t, w, w.keyManager(keyManager.origin), 'gullible')
  t.beforeEach(() => {
    keyManager.seen.length = 0
  })

  t.test('a posted token is listed only if it is verified, whatever the key manager answers', async (t) => {
    const victim = await w.token()
    const [header = '', payload = ''] = victim.split('.')
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const hmac = `${encode({ alg: 'HS256' })}.${payload}`
    const forgeries = {
      'an unsigned JWT with the jti': `${encode({ alg: 'none' })}.${payload}.`,
      'an unsigned JWT with some signature': `${encode({ alg: 'none' })}.${payload}.AAAA`,
      'its own header and claims, another signature': `${header}.${payload}.${'A'.repeat(342)}`,
      'a signature of a secret': `${hmac}.${createHmac('sha256', 'secret').update(hmac).digest('base64url')}`,
      'a random string': 'b5f3c1d2',
      nothing: '',
    }
    const before = await entries(gateway)
    for (const [title, token] of Object.entries(forgeries)) {
      t.equal((await post(gateway, { token })).status, 200, title)
      t.equal(await entries(gateway), before, `${title}: not listed`)
    }
    t.equal(await gateway.status(victim), 200)
    t.equal((await post(gateway, { token: victim })).status, 200)
    t.equal(await gateway.status(victim), 401, 'the real one is')
  })

  t.test('a form that two readers might read differently, or that is too large, goes nowhere', async (t) => {
    const [token, other] = [await w.token(), await w.token()]
    const before = await entries(gateway)
    const one = form({ token })
    const url = `${gateway.https}/revoke`
    const send = (more: Partial<typeof one>, at = url) => gateway.call(at, { ...one, ...more })
    t.equal((await send({ body: 'x'.repeat(1_000_000) })).status, 413)
    t.equal((await send({ body: `${one.body}&token=${other}` })).status, 400, 'two tokens')
    t.equal((await send({}, `${url}?t%6fken=${other}`)).status, 400, 'one more in the query')
    const typed = { ...one.headers, 'content-type': 'application/json' }
    t.equal((await send({ headers: typed, body: JSON.stringify({ token }) })).status, 400, 'JSON')
    const zipped = { ...one.headers, 'content-encoding': 'gzip' }
    t.equal((await send({ headers: zipped })).status, 400, 'compressed')
    t.equal(keyManager.seen.length, 0)
    t.equal(await entries(gateway), before)
  })

  t.test('the key manager gets the client’s credentials, and no header of the connection', async (t) => {
    const { headers, ...rest } = form({ token: 'x' })
    const extra = { connection: 'keep-alive, x-hop', 'x-hop': '1', 'x-jwt-assertion': 'forged', 'x-end': '2' }
    const answer = await gateway.call(`${gateway.https}/revoke?a=b`, { ...rest, headers: { ...headers, ...extra } })
    t.match(answer, { status: 200, body: '{"it":"is"}', headers: { 'x-of-key-manager': 'yes' } })
    const [seen] = keyManager.seen
    t.match(seen, {
      url: '/oauth2/revoke?a=b',
      body: 'token=x',
      headers: { authorization: headers.authorization, 'x-end': '2' },
    })
    t.notOk(seen?.headers['x-hop'])
    t.notOk(seen?.headers['x-jwt-assertion'])
  })

  t.test('the access token that ended with a refresh token is named by the key manager, and listed', async (t) => {
    const token = await w.token()
    keyManager.headers.RevokedAccessToken = token
    t.equal((await post(gateway, { token: 'refresh' })).status, 200)
    t.equal(await gateway.status(token), 401)
    delete keyManager.headers.RevokedAccessToken
  })

  t.test('/userinfo is passed on with its token unless that is revoked; /authorize as it came', async (t) => {
    const token = await w.token()
    const userinfo = (authorization?: string) =>
      gateway.call(`${gateway.https}/userinfo`, authorization === undefined ? {} : { headers: { authorization } })
    t.equal((await userinfo()).status, 401)
    t.equal((await userinfo('Bearer nonsense')).status, 401)
    t.equal(keyManager.seen.length, 0)
    t.equal((await userinfo(`Bearer ${token}`)).status, 200)
    t.match(keyManager.seen, [{ url: '/oauth2/userinfo', headers: { authorization: `Bearer ${token}` } }])
    await post(gateway, { token })
    t.equal((await userinfo(`Bearer ${token}`)).status, 401)
    t.equal((await gateway.call(`${gateway.https}/authorize?response_type=code`)).status, 200)
    t.equal(keyManager.seen.at(-1)?.url, '/oauth2/authorize?response_type=code')
  })
})

const breaksOff: Reply = (res) => void res.destroy()
const half = (status: number, headers: Record<string, string> = {}): Reply => {
  return (res) => res.writeHead(status, { 'content-length': 100, ...headers }).write('half', () => res.destroy())
}

t.test(
  'a posted token that cannot be judged is answered 503, and the key manager is not asked to revoke it',
  async (t) => {
    const keyManager = await gullible(t)
    const gateway = await hosted(t, w, w.keyManager(keyManager.origin), 'unjudged')
    const token = await w.token()
    const unjudged = async (token: string, title: string) => {
      const { status, headers, body } = await post(gateway, { token })
      t.match({ status, body }, { status: 503, body: faults.keyManagerUnavailable.body }, title)
      t.equal(headers['retry-after'], '5', title)
      t.equal(keyManager.seen.length, 0, title)
    }
    await w.stopHub()
    await unjudged(token, "a JWT whose issuer's keys were never to be had")
    const garbled: Reply = (res) => void res.writeHead(500).end()
    for (const [i, reply] of [breaksOff, garbled].entries()) {
      keyManager.instead.introspection = reply
      await unjudged(`opaque-${i}`, 'an opaque token that nobody introspects')
    }
    keyManager.instead.introspection = undefined
    t.equal((await post(gateway, { token: 'opaque-0' })).status, 200, 'a token that is refused is passed on')
    t.equal(await entries(gateway), 0, 'and not listed')
    await w.startHub()
    while ((await post(gateway, { token })).status === 503);
    t.equal(await gateway.status(token), 401, 'who tries again succeeds')
  },
)

t.test('a revocation whose answer is lost', async (t) => {
  const keyManager = await gullible(t)
  const gateway = await hosted(t, w, w.keyManager(keyManager.origin), 'lost')
  t.afterEach(() => {
    keyManager.instead.revocation = undefined
  })

  t.test('the token is listed if it is real: the key manager may have revoked it', async (t) => {
    const token = await w.token()
    t.equal(await gateway.status(token), 200)
    keyManager.instead.revocation = breaksOff
    t.equal((await post(gateway, { token })).status, 502)
    t.equal(await gateway.status(token), 401)
    const before = await entries(gateway)
    const [header, payload] = (await w.token()).split('.')
    for (const forged of ['b5f3c1d2', `${header}.${payload}.${'A'.repeat(342)}`]) {
      t.equal((await post(gateway, { token: forged })).status, 502)
    }
    t.equal(await entries(gateway), before, 'others are not')
  })

  t.test('a status says what became of it, also if the rest is lost', async (t) => {
    const [kept, revoked, named] = [await w.token(), await w.token(), await w.token()]
    keyManager.instead.revocation = half(400)
    t.equal((await post(gateway, { token: kept })).status, 502)
    t.equal(await gateway.status(kept), 200, 'refused by the key manager')
    keyManager.instead.revocation = half(200, { RevokedAccessToken: named })
    t.equal((await post(gateway, { token: revoked })).status, 502)
    t.equal(await gateway.status(revoked), 401)
    t.equal(await gateway.status(named), 401)
  })
})

t.test('without a key manager there is no token listener', async (t) => {
  const gateway = await hosted(t, w, '', 'none')
  t.equal(gateway.tokens, '')
  t.equal((await post(gateway, { token: 'x' })).status, 404)
})

t.test('gateways that share only etcd', { skip: etcdMissing(), jobs: 2 }, async (t) => {
  for (const api of ['v2', 'v3']) {
    t.test(`a /revoke at the first is refused by the second within 1 s: etcd ${api}`, { buffered: true }, async (t) => {
      const etcd = await startEtcd(t)
      const store = `enablePersistentStorageRetrieval = true
type = "etcd"
endpointURL = "${etcd.url}/${api}/keys/jti/"`
      const file = (name: string) => w.configFile(w.keyManager(), { ...OFF, persistent: store }, `${name}-${api}`)
      const [first, second] = await Promise.all([startGateway(t, file('first')), hostGateway(t, file('second'))])
      await Promise.all([first.known(), second.known()])
      const [token, later, control] = [await w.token(), await w.token(), await w.token()]
      t.equal(await second.status(token), 200)
      await post(first, { token })
      const revoked = performance.now()
      while ((await second.status(token)) !== 401);
      const took = performance.now() - revoked
      t.ok(took < 1_000, `${Math.round(took)} ms`)

      if (api === 'v2') return
      await etcd.kill()
      await post(first, { token: later })
      t.equal(await first.status(later), 401)
      await first.process.printed(/cannot write a revocation to the store/)
      await first.process.end('SIGKILL')
      await etcd.restart()
      await startGateway(t, file('first'))
      while ((await second.status(later)) !== 401);
      t.pass('what etcd did not take is put to it after a restart')
      t.equal(await second.status(control), 200)
    })
  }
})

/** Accepts nothing, and knows of no token whose it is. */
const REFUSING: RevokeEndpointOptions['authenticator'] = {
  authenticate: () => ({ fault: faults.invalidCredentials, reason: 'inactive' }),
  isIssued: async () => false,
}

/** The endpoint behind a listener of its own, with what it lists. */
async function endpointOf(t: Test, keyManager: string, options: Partial<RevokeEndpointOptions>) {
  const listed: string[] = []
  const endpoint = new RevokeEndpoint({
    client: httpClient(t),
    authenticator: REFUSING,
    revocations: {
      async revokeHere(record) {
        if (record !== undefined) listed.push(record.id)
      },
    },
    ofItsIssuer: false,
    removedHeaders: new Set(),
    logger: silent('test'),
    ...options,
  })
  const shared = {
    log: new RequestLog(silent),
    metrics: new RequestMetrics(),
    forwarding: SILENT,
    tracing: UNTRACED,
    observers: [],
  }
  const context = { ...shared, serverHeader: '' } as unknown as ExchangeContext
  const { port, close } = await listen({
    host: '127.0.0.1',
    port: 0,
    limits: { maxHeaderSize: 8_192, maxUriLength: 8_192, timeout: 60_000, keepAlive: true, maxPipelinedRequests: 10 },
    onUpgrade: () => undefined,
    onRequest(req, res) {
      const exchange = new HttpExchange(context, new Http1Stream(req, res), 'https')
      void endpoint.answer(exchange, `${keyManager}/revoke`, '').then((outcome) => {
        if (outcome.kind === 'fault') exchange.refuse(outcome.fault, outcome.reason)
        else exchange.respond(outcome.status, outcome.headers, outcome.body)
      })
    },
  })
  t.teardown(() => close(0))
  const post = (token: string) =>
    fetch(`http://127.0.0.1:${port}/revoke`, { method: 'POST', body: new URLSearchParams({ token }) })
  return { port, post, listed }
}

t.test('the log says why a token could not be verified, with the cause and without secrets', async (t) => {
  const keyManager = await gullible(t)
  const reasons: unknown[] = []
  const cause = new Error('connect ECONNREFUSED https://mgw:s3cret@keys.example/')
  const { post } = await endpointOf(t, keyManager.origin, {
    authenticator: { ...REFUSING, authenticate: () => Promise.reject(new Error('no keys', { cause })) },
    logger: { ...silent('test'), warn: (_, fields) => reasons.push(fields) },
  })
  t.equal((await post('an opaque one')).status, 503)
  t.strictSame(reasons, [{ reason: 'no keys: caused by connect ECONNREFUSED https://[redacted]@keys.example/' }])
})

t.test('a token that its issuer signed is listed though it is refused now', async (t) => {
  const keyManager = await gullible(t)
  const { post, listed } = await endpointOf(t, keyManager.origin, {
    authenticator: { ...REFUSING, isIssued: async () => true },
  })
  t.equal((await post('opaque')).status, 200)
  t.strictSame(listed, ['opaque'])
})

t.test(
  'a token by a key that its issuer does not publish yet is a 503, and the key manager is not asked',
  async (t) => {
    const keyManager = await gullible(t)
    for (const isIssued of [async () => undefined, () => Promise.reject(new Error('no keys'))]) {
      const { post, listed } = await endpointOf(t, keyManager.origin, { authenticator: { ...REFUSING, isIssued } })
      t.equal((await post('opaque')).status, 503)
      t.strictSame(listed, [])
    }
    t.equal(keyManager.seen.length, 0)
  },
)

t.test('the posted token is introspected on the account of the client that posts it', async (t) => {
  const keyManager = await gullible(t)
  const senders: unknown[] = []
  const { post } = await endpointOf(t, keyManager.origin, {
    authenticator: {
      ...REFUSING,
      authenticate(_, __, sender) {
        senders.push(sender?.network)
        return { fault: faults.invalidCredentials, reason: 'inactive' }
      },
    },
  })
  await post('opaque')
  t.strictSame(senders, ['127.0.0.1'])
})

t.test('a key manager that answers too late may have revoked the token: 504, and it is listed', async (t) => {
  const keyManager = await gullible(t)
  keyManager.instead.revocation = () => undefined
  const { post, listed } = await endpointOf(t, keyManager.origin, {
    timeout: 200,
    authenticator: {
      ...REFUSING,
      authenticate: () => ({
        identity: NOBODY,
        scopes: new Set(),
        keyType: 'PRODUCTION',
        usableUntil: 0,
        expiresAt: 0,
      }),
    },
  })
  t.equal((await post('opaque')).status, 504)
  t.strictSame(listed, ['opaque'])
})

t.test(
  'what cannot be confirmed is 503, whatever the key manager answered, and a second attempt confirms what the first named',
  async (t) => {
    const keyManager = await gullible(t)
    const asked: unknown[] = []
    const lines: unknown[] = []
    let confirms = false
    const { post } = await endpointOf(t, keyManager.origin, {
      revocations: {
        async revokeHere(record) {
          asked.push(record?.id)
          if (!confirms) throw new UnconfirmedRevocation('ERR_REVOCATION_NOT_DURABLE', 'no room')
        },
      },
      logger: { ...silent('test'), error: (text, _, fields) => lines.push([text, fields]) },
    })
    keyManager.headers.RevokedAccessToken = 'an-access-token'
    const refused = await post('a-refresh-token')
    t.equal(refused.status, 503)
    t.equal(refused.headers.get('retry-after'), '5')
    t.equal(await refused.text(), faults.revocationUnconfirmed.body)
    t.notOk(refused.headers.has('x-of-key-manager'))
    const text = 'revocation not confirmed; answered 503, although the key manager may have revoked the token'
    t.match(lines, [[text, { code: 'ERR_REVOCATION_NOT_DURABLE', reason: /no room/ }]])
    // The key manager knows the refresh token no more, and names nothing.
    delete keyManager.headers.RevokedAccessToken
    t.equal((await post('a-refresh-token')).status, 503)
    confirms = true
    t.equal((await post('a-refresh-token')).status, 200)
    t.strictSame(asked, ['an-access-token', undefined, undefined], 'those before it are confirmed')
    keyManager.instead.revocation = half(200)
    confirms = false
    t.equal((await post('a-refresh-token')).status, 503, 'also if the rest of the answer is lost')
  },
)

t.test('a form that trickles in is given up: 408, and the connection is closed', async (t) => {
  const keyManager = await gullible(t)
  const { port, post } = await endpointOf(t, keyManager.origin, { formTimeout: 200 })
  const length = 200
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => undefined)
  const type = 'application/x-www-form-urlencoded'
  socket.write(`POST /revoke HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\ntoken=`)
  let left = length - 'token='.length
  const drip = setInterval(() => {
    if (left-- > 0) socket.write('a')
    else socket.end() // so that the test ends, whoever gives up
  }, 10)
  await once(socket, 'close')
  clearInterval(drip)
  t.match(answer, /^HTTP\/1\.1 408 .*\r\n\r\n/s)
  t.ok(answer.endsWith(faults.requestTimeout.body))
  t.ok(left > 0, 'long before its end')
  t.equal(keyManager.seen.length, 0)
  t.equal((await post('opaque')).status, 200, 'one that comes at once is read')
})
