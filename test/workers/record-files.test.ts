// The access log and the audit log of a gateway with several workers: one file each.
import { readFileSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { startGateway, world } from '../support/gateway.js'
import { form } from '../support/https-client.js'

type Line = Readonly<Record<string, unknown>>

t.test(
  'all processes write to one file, whole lines; it says who asked /revoke, and SIGHUP opens it again',
  async (t) => {
    const w = await world(t)
    const logs =
      '[accessLog]\n  enable = true\n  format = "json"\n  file = "access.log"\n[auditLog]\n  enable = true\n  file = "audit.log"\n'
    const file = w.configFile(logs + w.keyManager(), {}, 'gateway', 2)
    const gateway = await startGateway(t, file)
    const read = (name: string) =>
      readFileSync(join(dirname(file), name), 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line)
    await gateway.known()
    const token = await w.token()
    const count = 500
    const asked = Array.from({ length: count }, () =>
      gateway.call(`${gateway.https}/things/v1/thing/1`, { headers: { authorization: `Bearer ${token}` } }),
    )
    t.strictSame([...new Set((await Promise.all(asked)).map(({ status }) => status))], [200])
    t.equal((await gateway.call(`${gateway.https}/revoke`, form({ token }))).status, 200)
    while ((await gateway.status(token)) !== 401);
    renameSync(join(dirname(file), 'audit.log'), join(dirname(file), 'audit.log.1'))
    gateway.process.child.kill('SIGHUP')
    await gateway.process.printed(/configuration reloaded/)
    t.equal(await gateway.status('a.b.c'), 401)
    t.equal(await gateway.process.end(), 0)
    const access = read('access.log')
    t.equal(access.filter(({ status }) => status === 200).length, count + 1)
    t.equal(new Set(access.map(({ requestId }) => requestId)).size, access.length)
    const processes = new Set(access.map(({ requestId }) => String(requestId).split('-')[1]))
    t.equal(processes.size, 2, 'both workers served')
    t.match(
      read('audit.log.1').filter(({ event, source }) => event === 'revocation' && source === 'gateway'),
      [
        {
          kind: 'token',
          source: 'gateway',
          via: 'revoke',
          client: '127.0.0.1',
          requestId: access.find(({ path }) => path === '/revoke')?.requestId,
        },
      ],
    )
    t.match(read('audit.log'), [{ event: 'refusal', reason: 'malformed', status: 401 }])
  },
)
