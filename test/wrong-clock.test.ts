import t from 'tap'
import { wrongClock, wrongClockMissing } from './services/wrong-clock.js'
import { type RunningGateway, startGateway } from './support/gateway.js'
import { issuingWorld } from './support/issuing-world.js'
import { pause } from './workers/cluster.js'

const DAY = 86_400_000
const skip = wrongClockMissing()

async function ask({ http }: RunningGateway, jwt: string): Promise<number> {
  const answer = await fetch(`${http}/things/1`, { headers: { authorization: `Bearer ${jwt}` } })
  await answer.arrayBuffer()
  return answer.status
}

/** Resolves when the gateway's clock is near the machine's: it accepts tokens, and has not gone back. */
async function accepts(gateway: RunningGateway, jwt: string): Promise<void> {
  while ((await ask(gateway, jwt)) !== 200) await pause(20)
}

for (const [how, ahead, workers] of [
  ['40 days behind', -40 * DAY, 1],
  ['40 days ahead', 40 * DAY, 2],
] as const) {
  t.test(
    `started with a clock ${how}: what is learnt holds when the clock is right, over restarts`,
    { skip },
    async (t) => {
      const clock = wrongClock(t.testdir({}), ahead)
      const world = await issuingWorld(t, { workers, env: clock.env })
      const [unknown, known, control] = [
        await world.issue('ES256'),
        await world.issue('ES256'),
        await world.issue('ES256'),
      ]
      await world.post({ jti: unknown.jti }) // for as long as `retention`
      await world.revoke('jti', known)
      while ((await entries(world.gateway)) < 2) await pause(20)
      const holds = async (gateway: RunningGateway, when: string) => {
        await accepts(gateway, control.jwt)
        t.equal(await ask(gateway, unknown.jwt), 401, `${when}: one whose end nobody told`)
        t.equal(await ask(gateway, known.jwt), 401, `${when}: one whose end was told`)
      }
      clock.set(0)
      await accepts(world.gateway, control.jwt)
      await world.gateway.process.end('SIGKILL')
      const right = await startGateway(t, world.configFile, clock.env)
      await right.known()
      await holds(right, 'read with a right clock')
      clock.set(ahead)
      t.equal(await ask(right, unknown.jwt), 401, 'the clock is set while it runs')
      await right.process.end('SIGKILL')
      const wrong = await startGateway(t, world.configFile, clock.env)
      await wrong.known()
      t.equal(await ask(wrong, unknown.jwt), 401, 'read with a wrong clock')
      t.equal(await entries(wrong), 2, 'and all of it')
      clock.set(0)
      await holds(wrong, 'set right')
    },
  )
}

async function entries({ admin }: RunningGateway): Promise<number> {
  const state = (await (await fetch(`${admin}/ready`)).json()) as { revocations: { entries: { tokens: number } } }
  return state.revocations.entries.tokens
}

t.test(
  'a rule of now, told a gateway whose clock is behind, means now by what the issuer’s answers say',
  { skip },
  async (t) => {
    const clock = wrongClock(t.testdir({}), -40 * DAY)
    const world = await issuingWorld(t, { env: clock.env })
    const [issued, control] = [await world.issue('ES256'), await world.issue('ES256')]
    await accepts(world.gateway, control.jwt)
    await world.post({ subject: issued.sub })
    t.equal(await ask(world.gateway, issued.jwt), 401)
    clock.set(0)
    t.equal(await ask(world.gateway, issued.jwt), 401)
    t.equal(await ask(world.gateway, control.jwt), 200)
  },
)
