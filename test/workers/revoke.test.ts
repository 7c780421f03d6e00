import t, { type Test } from 'tap'
import { startGateway, type World, world } from '../support/gateway.js'
import { form } from '../support/https-client.js'
import { httpServer } from '../support/servers.js'
import { startCluster } from './cluster.js'

const ADMIN = 'the-admins-own'
const ALONE = { realtime: 'enableRealtimeMessageRetrieval = false', persistent: '', admin: `  token = "${ADMIN}"` }

/** A key manager that answers each revocation when it is told to. */
async function patientKeyManager(t: Test) {
  let asked: () => void = () => undefined
  const held: (() => void)[] = []
  const { origin } = await httpServer(t, (req, res) => {
    req.resume()
    req.on('end', () => {
      held.push(() => res.end())
      asked()
    })
  })
  return {
    origin,
    /** Resolves when it has been asked, with what lets it answer. */
    async asked(): Promise<() => void> {
      while (held.length === 0) {
        await new Promise<void>((resolve) => {
          asked = resolve
        })
      }
      return held.pop() as () => void
    },
  }
}

async function cluster(t: Test, w: World, more = '') {
  const gateway = await startCluster(t, w, 2, more, ALONE)
  const workers = await gateway.ready(2)
  const admin = (token: string) =>
    fetch(`${gateway.admin}/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    }).then(({ status }) => status)
  return { gateway, workers, admin }
}

t.test(
  'while a worker stands still nobody is told that a token is revoked, until that worker can serve no more',
  async (t) => {
    const w = await world(t)
    const { gateway, workers, admin } = await cluster(t, w)
    const [token, later] = [await w.token(), await w.token()]
    const [frozen] = workers
    process.kill(frozen?.pid ?? 0, 'SIGSTOP')
    t.teardown(() => process.kill(frozen?.pid ?? 0, 'SIGCONT'))
    const began = performance.now()
    t.equal(await admin(token), 204)
    const took = performance.now() - began
    t.ok(took > 3_000, `told after ${Math.round(took)} ms: the worker might have served for a lease of 5 s`)
    t.equal(await admin(later), 204)
    process.kill(frozen?.pid ?? 0, 'SIGCONT')
    for (const revoked of [token, later]) {
      const statuses = await Promise.all(Array.from({ length: 16 }, () => gateway.fresh(revoked)))
      t.ok(
        statuses.every((status) => status === 401 || status === 503),
        statuses.join(' '),
      )
    }
  },
)

t.test(
  '/revoke is answered 503 when the primary stands still, and it is never answered 2xx when it dies',
  async (t) => {
    const w = await world(t)
    const keyManager = await patientKeyManager(t)
    const { gateway } = await cluster(t, w, w.keyManager(keyManager.origin))
    const primary = gateway.process.child
    t.teardown(() => primary.kill('SIGCONT'))
    const [first, second] = [await w.token(), await w.token()]
    const revoke = (token: string) => gateway.call(`${gateway.https}/revoke`, form({ token }))

    const good = await w.token()
    const confirmed = revoke(good)
    const confirm = await keyManager.asked()
    confirm()
    t.equal((await confirmed).status, 200, 'a primary that answers confirms it')
    t.equal(await gateway.fresh(good), 401)

    const unanswered = revoke(first)
    const answer = await keyManager.asked()
    primary.kill('SIGSTOP')
    answer()
    const { status, headers, body } = await unanswered
    t.match({ status, body }, { status: 503, body: /"code":900900.*The revocation could not be confirmed/ })
    t.equal(headers['retry-after'], '5')
    await gateway.process.printed(
      /answered 503, although the key manager may have revoked the token code=ERR_REVOCATION_HANDOVER/,
    )
    primary.kill('SIGCONT')
    while ((await gateway.fresh(first)) !== 401); // the attempt went on

    const orphaned = revoke(second).then(
      (answered) => answered.status,
      () => 'broken off',
    )
    const late = await keyManager.asked()
    await gateway.process.end('SIGKILL')
    late()
    t.ok([503, 'broken off'].includes(await orphaned))
    const again = await startGateway(t, w.configFile('', ALONE))
    t.equal(await again.status(first), 401, 'what the primary has heard of is durable')
    t.equal(await again.status(second), 200, 'what it has not heard of is lost, and nobody was told otherwise')
  },
)
