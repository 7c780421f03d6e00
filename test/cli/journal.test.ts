import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { jtiOf, startGateway, world } from '../support/gateway.js'
import { mgw } from '../support/mgw.js'

const NO_STORE = { persistent: 'enablePersistentStorageRetrieval = false' }

async function journal(t: Test, ...args: string[]) {
  const run = mgw(t, ['journal', ...args])
  return { status: await run.ended(), output: run.output() }
}

t.test('without a store a damaged journal is 503 until an operator gives up what it has lost', async (t) => {
  const w = await world(t)
  const path = join(w.directory, 'revocations.journal')
  const file = w.configFile(`[tokenRevocationConfig.journal]\n  path = ${JSON.stringify(path)}`, NO_STORE)
  const [revoked, control] = [await w.token(), await w.token()]
  const first = await startGateway(t, file)
  await first.known()
  w.broker.publish('tokenRevocation', { revokedToken: jtiOf(revoked), ttl: '3600' })
  while ((await first.status(revoked)) !== 401);
  await first.process.end()
  t.match(await journal(t, 'check', '-c', file), { status: 0, output: /: intact, 1 tokens and 0 rules/ })

  const bytes = readFileSync(path)
  bytes[70] = (bytes[70] ?? 0) ^ 1
  writeFileSync(path, bytes)
  const checked = await journal(t, 'check', '-c', file)
  t.match(checked, { status: 1, output: /: damaged; / })
  const [id = ''] = /[0-9a-f]{64}/.exec(checked.output) ?? []
  const second = await startGateway(t, file)
  await second.process.printed(/journal damaged/)
  t.equal(await second.status(control), 503)
  const ready = await fetch(`${second.admin}/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.text(), new RegExp(`mgw journal accept-damaged ${id}`))

  t.match(await journal(t, 'accept-damaged', '0'.repeat(64), '-c', file), { status: 2, output: /no damage with/ })
  t.equal(await second.status(control), 503)
  t.match(await journal(t, 'accept-damaged', id, '-c', file), { status: 0, output: /accepted; takes effect/ })
  await second.known()
  t.equal(await second.status(control), 200)
})

t.test('a check says that there is no journal, that it is off, and that its damage is accepted', async (t) => {
  const directory = t.testdir()
  const [file, path] = [join(directory, 'micro-gw.conf'), join(directory, 'data', 'a.journal')]
  const configure = (more = '') =>
    writeFileSync(
      file,
      `[tokenRevocationConfig.journal]\n  path = "a.journal"\n${more}[keyManager]\n  password = "$env{NOT_SET}"\n`,
    )
  configure()
  t.strictSame(await journal(t, 'check', '-c', file), {
    status: 0,
    output: `no journal at ${path}: no gateway has written one there\n`,
  })
  mkdirSync(join(directory, 'data'))
  writeFileSync(path, 'no journal')
  const { status, output } = await journal(t, 'check', '-c', file)
  t.match({ status, output }, { status: 1, output: /: damaged; / })
  const [id = ''] = /[0-9a-f]{64}/.exec(output) ?? []
  t.match(await journal(t, 'accept-damaged', id, '-c', file), { status: 0 })
  const accepted = { status: 0, output: new RegExp(`${id} .*; accepted: takes effect at the next start`) }
  t.match(await journal(t, 'check', '-c', file), accepted)
  writeFileSync(path, 'no journal, either')
  t.match(await journal(t, 'check', '-c', file), { status: 1 }, 'other damage')
  configure('  enable = false\n')
  t.match(await journal(t, 'check', '-c', file), { status: 0, output: /^journal off/ })
})
