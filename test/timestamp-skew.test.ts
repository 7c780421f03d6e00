import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { type RunningGateway, startGateway } from './support/gateway.js'
import { issuingWorld } from './support/issuing-world.js'

async function ask({ http }: RunningGateway, jwt: string): Promise<number> {
  const answer = await fetch(`${http}/things/1`, { headers: { authorization: `Bearer ${jwt}` } })
  await answer.arrayBuffer()
  return answer.status
}

for (const workers of [1, 2]) {
  t.test(
    `a token that had ended stays ended after a restart with a larger timestampSkew; ${workers} worker(s)`,
    async (t) => {
      const world = await issuingWorld(t, { workers })
      const expired = (secondsAgo: number) => {
        const claims = { iss: world.name, jti: `${secondsAgo}`, exp: Math.floor(Date.now() / 1000) - secondsAgo }
        return world.signRaw('{"alg":"RS256","kid":"RS256"}', JSON.stringify(claims))
      }
      // Its revocation, had there been one, would be gone by now.
      const ended = expired(60)
      t.equal(await ask(world.gateway, ended), 401)
      t.equal(await world.gateway.process.end('SIGTERM'), 0)
      const file = readFileSync(world.configFile, 'utf8')
      writeFileSync(world.configFile, file.replace('[server]', '[server]\n  timestampSkew = "1h"'))
      const gateway = await startGateway(t, world.configFile)
      await gateway.known()
      t.equal(await ask(gateway, ended), 401)
      t.equal(await ask(gateway, expired(1)), 200, 'one that the smaller skew accepted')
    },
  )
}
