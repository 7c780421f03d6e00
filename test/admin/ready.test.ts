import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { jtiOf, type RunningGateway, startGateway, world } from '../support/gateway.js'

const NO_STORE = { persistent: 'enablePersistentStorageRetrieval = false' }
const TOPIC = 'tokenRevocation'

interface Ready {
  readonly httpStatus: number
  readonly revocations: {
    readonly reason: string
    readonly sources: readonly { name: string; role: string; status: string; since: number; detail?: string }[]
    readonly journal: { readonly enabled: boolean; readonly error?: string }
  }
}

async function ready(gateway: RunningGateway): Promise<Ready> {
  const answer = await fetch(`${gateway.admin}/ready`)
  return { ...((await answer.json()) as Ready), httpStatus: answer.status }
}

/** Asks until the answer is as it should be. */
async function readyWhen(gateway: RunningGateway, isIt: (ready: Ready) => boolean): Promise<Ready> {
  for (;;) {
    const answer = await ready(gateway)
    if (isIt(answer)) return answer
    await setTimeout(10)
  }
}

t.test('the body names what the list waits for, since when, and why; the status stays 503', async (t) => {
  const w = await world(t)
  await w.stopHub()
  const begin = Date.now()
  const gateway = await startGateway(t, w.configFile())
  const answer = await readyWhen(gateway, ({ revocations }) => /event hub \(failed/.test(revocations.reason))
  t.equal(answer.httpStatus, 503)
  t.match(answer.revocations.reason, /^waiting for event hub \(failed since \d{4}-\d\d-\d\dT[\d:.]+Z\)$/)
  const hub = answer.revocations.sources.find(({ role }) => role === 'store')
  t.match(hub, { name: 'event hub', status: 'failed', detail: /ECONNREFUSED/ })
  t.ok(hub !== undefined && hub.since >= begin && hub.since <= Date.now())
})

t.test('credentials that the broker refuses show in the body and in the log, without the password', async (t) => {
  const w = await world(t)
  const realtime = `enableRealtimeMessageRetrieval = true
jmsConnectionTopic = "${TOPIC}"
jmsConnectionProviderUrl = "amqp10://localhost:${w.broker.port}"
jmsConnectionUsername = "admin"
jmsConnectionPassword = "not-the-password"`
  const gateway = await startGateway(t, w.configFile('', { ...NO_STORE, realtime }))
  const answer = await readyWhen(gateway, ({ revocations }) => revocations.sources[0]?.status === 'failed')
  t.equal(answer.httpStatus, 503)
  t.match(answer.revocations.sources[0], { role: 'realtime', detail: /credentials|unauthorized/i })
  await gateway.process.printed(/cannot subscribe to the revocation topic: .*(credentials|unauthorized)/i)
  t.notMatch(JSON.stringify(answer) + gateway.process.output(), /not-the-password/)
})

t.test('a journal that cannot be opened shows in the body and in the log; the gateway serves', async (t) => {
  const w = await world(t)
  const obstacle = join(w.directory, 'a-file')
  writeFileSync(obstacle, '')
  const journal = `[tokenRevocationConfig.journal]\n  path = "${join(obstacle, 'revocations.journal')}"`
  const gateway = await startGateway(t, w.configFile(journal))
  await gateway.known()
  const answer = await readyWhen(gateway, ({ httpStatus }) => httpStatus === 200)
  t.match(answer.revocations.journal, { enabled: true, owned: false, error: /EEXIST|ENOTDIR/ })
  await gateway.process.printed(/WARN.*journal not writable/)
  t.equal(await gateway.status(await w.token()), 200)
})

const prlimit = spawnSync('prlimit', ['--version']).error === undefined ? false : 'prlimit is not installed'

t.test(
  'a disk that takes no more shows in the body and in the log, until it does again',
  { skip: prlimit },
  async (t) => {
    const w = await world(t)
    const [revoked, control] = [await w.token(), await w.token()]
    const gateway = await startGateway(t, w.configFile())
    await gateway.known()
    const limit = (bytes: string) =>
      spawnSync('prlimit', [`--fsize=${bytes}:unlimited`, '--pid', String(gateway.process.child.pid)])
    t.equal(limit('4096').status, 0)
    for (let i = 0; i < 400; i++) w.broker.publish(TOPIC, { revokedToken: `other-${i}`, ttl: '3600' })
    w.broker.publish(TOPIC, { revokedToken: jtiOf(revoked), ttl: '3600' })
    const answer = await readyWhen(gateway, ({ revocations }) => revocations.journal.error !== undefined)
    t.match(answer.revocations.journal, { enabled: true, error: /EFBIG/ })
    t.equal(answer.httpStatus, 200, 'it serves all the same')
    await gateway.process.printed(/ERROR.*journal write failed/)
    while ((await gateway.status(revoked)) !== 401);
    t.equal(await gateway.status(control), 200)

    limit('unlimited')
    await readyWhen(gateway, ({ revocations }) => revocations.journal.error === undefined)
    await gateway.process.printed(/journal writes recovered/)
  },
)
