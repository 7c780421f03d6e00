import { mkdirSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WatchedTokens } from '../../src/auth/index.js'
import { Applications, type Retirement } from '../../src/gateway/applications.js'
import { readInputs } from '../../src/gateway/inputs.js'
import { openRevocations } from '../../src/gateway/open-revocations.js'
import { silent } from '../../src/logging/index.js'
import { RequestMetrics } from '../../src/metrics/index.js'
import { OpenWebSockets } from '../../src/server/index.js'
import { httpServer } from '../support/servers.js'

/** Serves one operation of an upstream, without a token. */
async function serving(t: Test, upstream: string, retirement: Retirement) {
  const directory = t.testdir({})
  const definition = `openapi: 3.0.3
info: { title: A, version: 1.0.0 }
x-wso2-basePath: /a
x-wso2-production-endpoints: { urls: [${JSON.stringify(upstream)}] }
paths:
  /x: { get: { x-wso2-disable-security: true, responses: { default: { description: any } } } }
`
  mkdirSync(join(directory, 'api_definitions'))
  writeFileSync(join(directory, 'api_definitions', 'a.yaml'), definition)
  writeFileSync(join(directory, 'micro-gw.conf'), '[tokenRevocationConfig.journal]\nenable = false\n')
  const inputs = await readInputs(join(directory, 'micro-gw.conf'))
  const revocations = await openRevocations(inputs.config, silent, { topic: undefined, store: undefined, clock: {} })
  t.teardown(() => revocations.close())
  const parts = {
    revocations,
    primary: { revoke: async () => undefined, receive: async () => ({ status: 404 }) },
    openRequests: undefined,
    watched: new WatchedTokens(),
    openWebSockets: new OpenWebSockets(),
    metrics: new RequestMetrics(),
    observers: [],
    shedding: undefined,
    logging: silent,
  }
  const applications = await Applications.open(inputs, parts, retirement)
  t.teardown(() => applications.close())
  const { origin } = await httpServer(t, applications.listener('http'))
  return { applications, inputs, url: `${origin}/a/x` }
}

const CASES: readonly [what: string, retirement: Retirement, status: number][] = [
  ['succeeds by the connections that it began with', { after: 0, by: 60_000 }, 200],
  ['fails once they have been kept for long', { after: 0, by: 0 }, 502],
]

for (const [what, retirement, status] of CASES) {
  t.test(`a request whose upstream is tried again after a reload ${what}`, async (t) => {
    let reached = 0
    let hold: (res: ServerResponse) => void = () => undefined
    const held = new Promise<ServerResponse>((resolve) => {
      hold = resolve
    })
    const { origin } = await httpServer(t, (_, res) => (++reached === 1 ? hold(res) : res.end('ok')))
    const { applications, inputs, url } = await serving(t, origin, retirement)
    const answer = fetch(url)
    const first = await held
    await applications.replace(inputs)
    await new Promise((resolve) => setTimeout(resolve, 20)) // longer than the connections are kept without a request
    first.destroy()
    t.equal((await answer).status, status)
  })
}
