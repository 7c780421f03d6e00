import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { duration, statusInWords } from '../../src/cli/status-table.js'
import type { StatusReport } from '../../src/gateway.js'
import { freePorts } from '../services/free-port.js'
import { startGateway, world } from '../support/gateway.js'
import { mgw } from '../support/mgw.js'

const TOKEN = 'the-admins-own'

async function run(t: Test, args: readonly string[], input = '') {
  const command = mgw(t, args, {}, input)
  const status = await command.ended()
  return { status, text: command.output() }
}

t.test('mgw status and mgw explain ask a running gateway, and exit with what it says', async (t) => {
  const w = await world(t)
  const file = w.configFile('', { admin: `token = "${TOKEN}"` })
  const gateway = await startGateway(t, file)
  await gateway.known()
  const at = ['-c', file, '--admin', gateway.admin]
  const token = await w.token()
  const ready = await run(t, ['status', ...at])
  t.equal(ready.status, 0, ready.text)
  t.match(ready.text, /^mgw \S+, up .*, ready\n\nlist +known: .*\n/)
  t.match(ready.text, /^realtime +amqp-1-0 +live for .* 0 revocations/m)
  t.match(ready.text, /^store +event hub +live for .*listed .* ago: 0 in /m)
  const json = await run(t, ['status', '--json', ...at])
  t.match(JSON.parse(json.text), { ready: true, revocations: { known: true } })
  const good = await run(t, ['explain', '-', '--method', 'GET', '--path', '/things/v1/thing/1', ...at], `${token}\n`)
  t.equal(good.status, 0, good.text)
  t.match(good.text, /^token [0-9a-f]{12}: accepted\n/)
  const asked = ['explain', '-', '--method', 'GET', ...at, '--path']
  t.match(await run(t, [...asked, '/things/v1/thing/1?a=b'], token), { status: 0, text: /GET \/things\/v1\/thing/ })
  t.match(await run(t, [...asked, 'things'], token), { status: 2, text: /--path must begin with \// })
  await w.revoke(token)
  await gateway.process.printed(/Successfully added to revoked token map/)
  const revoked = await run(t, ['explain', '-', ...at], token)
  t.equal(revoked.status, 4)
  t.match(
    revoked.text,
    /refused with 401 \(900901\): revoked\n[\s\S]* FAIL {2}revocation[\s\S]* jti, of any issuer: revokes it; from amqp-1-0, learnt 20/,
  )
  t.equal((await run(t, ['explain', '-', '--json', ...at], token)).status, 4)
  for (const { text } of [good, revoked]) t.notOk(text.includes(token))
})

t.test('a gateway that is not ready is a 4; none, and another admin token, are a 1 with a remedy', async (t) => {
  const w = await world(t)
  await w.stopHub()
  const file = w.configFile('', { admin: `token = "${TOKEN}"` })
  const gateway = await startGateway(t, file)
  const waiting = await run(t, ['status', '-c', file, '--admin', gateway.admin])
  t.equal(waiting.status, 4)
  t.match(waiting.text, /NOT READY\n\nlist +NOT KNOWN: waiting for/)
  const [free] = await freePorts(1)
  const none = await run(t, ['status', '-c', file, '--admin', `http://127.0.0.1:${free}`])
  t.equal(none.status, 1)
  t.match(none.text, /no gateway answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\): is it running/)
  t.match(await run(t, ['status', '-c', file]), { status: 1, text: /--admin http/ })
  const other = w.configFile('', { admin: 'token = "another"' }, 'other')
  t.match(await run(t, ['explain', '-', '-c', other, '--admin', gateway.admin], 'a.b'), {
    status: 1,
    text: /another \[admin\] token/,
  })
  t.match(await run(t, ['explain', 'a.b', '-c', file], ''), { status: 2, text: /standard input/ })
  t.match(await run(t, ['explain', '-', '-c', file], '\n'), { status: 2 })
  t.match(await run(t, ['explain', '-', '--path', '/a', '-c', file], 'a.b'), { status: 2 })
})

t.test('status, reload and explain read [admin] alone, and nothing that they do not need', async (t) => {
  const w = await world(t)
  const [port] = await freePorts(1)
  const file = w.configFile('', { admin: `token = "${TOKEN}"` })
  const gateway = await startGateway(t, file)
  await gateway.known()
  const admin = ['--admin', gateway.admin]
  t.match(await run(t, ['status', ...admin, '-c', join(w.directory, 'none.conf')]), { status: 0 }, 'no file')
  const elsewhere = join(w.directory, 'elsewhere.conf')
  const rest = '[keyManager]\n  password = "$env{NOT_SET}"\n  unknown = 1\n[listenerConfig]\n  certFile = "none.pem"'
  const text = (token: string) => `[admin]\n  host = "127.0.0.1"\n  port = ${port}\n  token = "${token}"\n${rest}\n`
  writeFileSync(elsewhere, text('$env{NOT_SET_EITHER}'))
  t.match(await run(t, ['status', '-c', elsewhere]), { status: 1, text: new RegExp(`127\\.0\\.0\\.1:${port}`) })
  t.match(await run(t, ['reload', '-c', elsewhere]), { status: 2, text: /admin\.token: .*NOT_SET_EITHER is not set/ })
  writeFileSync(elsewhere, text(TOKEN))
  t.match(await run(t, ['reload', ...admin, '-c', elsewhere]), { status: 0, text: /^reloaded/ })
  t.match(await run(t, ['explain', '-', ...admin, '-c', elsewhere], await w.token()), { status: 0 })
  for (const wrong of ['[admin]\n  port = "x"\n', '[admin\n']) {
    writeFileSync(elsewhere, wrong)
    t.match(await run(t, ['status', '-c', elsewhere]), { status: 2 })
  }
})

const REPORT: StatusReport = {
  version: '1.2.3',
  at: Date.UTC(2026, 0, 1, 0, 0, 10),
  startedAt: '2026-01-01T00:00:00.000Z',
  ready: false,
  revocations: {
    known: false,
    reason: 'a listing is under way',
    sources: [
      { name: 'etcd', role: 'store', status: 'connecting', since: Date.UTC(2026, 0, 1), revocations: 0 },
      {
        name: 'amqp',
        role: 'realtime',
        status: 'gap',
        since: Date.UTC(2026, 0, 1),
        revocations: 7,
        malformed: { 'not-json': 2 },
      },
    ],
    listings: {
      succeeded: 0,
      failed: 0,
      current: { since: Date.UTC(2026, 0, 1), records: 250_000, expected: 1_000_000 },
    },
    entries: { tokens: 250_000, rules: 1 },
    list: {
      kinds: { token: 250_000, issuerToken: 0, foldedToken: 0, rule: 1, issuerRule: 0, claimsRule: 0 },
      bytes: 5_000_000,
      swept: 0,
      sweeps: 0,
    },
    journal: { enabled: true, path: 'a.journal', bytes: 4_000_000, owned: true, waiting: 12, error: 'ENOSPC' },
  },
  workers: [
    { number: 2, pid: 7, listening: true, state: 'behind', acknowledged: 1, lag: { entries: 1_234, ms: 5_000 } },
  ],
  requests: { upstream: 1_000, revoked: 20 },
  openRequests: 3,
  recentRequests: { interval: 5_000, counts: {} },
  recentRevocations: [],
}

t.test('the progress of a listing has its rate and the time left', async (t) => {
  const text = statusInWords(REPORT, Date.UTC(2026, 0, 1, 0, 0, 10))
  t.match(text, /^listing {2}250,000 of about 1,000,000 revocations \(25 %\), 25,000 a second, 30 s left$/m)
  t.match(text, /^store +etcd +CONNECTING for 10 s +not listed yet$/m)
  t.match(text, /^realtime +amqp +GAP for 10 s +7 revocations; 2 malformed \(not-json\)$/m)
  t.match(text, /^worker +2, pid 7 +behind +1,234 entries and 5 s behind$/m)
  t.match(text, /^journal +a\.journal, 4\.0 MB, 12 entries to write; NOT WRITABLE: ENOSPC$/m)
  t.match(text, /^requests 1,020: upstream 1,000, revoked 20; 3 open with a token$/m)
  const before = { ...REPORT, requests: { upstream: 900 } }
  t.match(statusInWords(REPORT, Date.UTC(2026, 0, 1), before), /^requests 1,020, 120 in the last second: /m)
})

t.test('a duration has its two largest units', async (t) => {
  for (const [ms, text] of [
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [59_999, '1 min 0 s'],
    [3_599_000, '59 min 59 s'],
    [3_600_000, '1 h 0 min'],
    [90_000_000, '1 d 1 h'],
  ] as const) {
    t.equal(duration(ms), text)
  }
})
