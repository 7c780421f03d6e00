import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { gatewayName } from '../../src/sources/gateway-name.js'

t.test('calls at the same time get one name', async (t) => {
  const directory = join(t.testdir(), 'state')
  const file = join(directory, 'gateway-name')
  const names = await Promise.all(Array.from({ length: 10 }, () => gatewayName(file)))
  const [name] = names
  t.match(name, /^mgw-[0-9a-f-]{36}$/)
  t.same(new Set(names).size, 1)
  t.equal(await gatewayName(file), name)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.strictSame(readdirSync(directory), ['gateway-name'])
})

t.test('a file left empty by a crash counts as absent', async (t) => {
  const directory = t.testdir({ 'gateway-name': '' })
  const file = join(directory, 'gateway-name')
  const name = await gatewayName(file)
  t.match(name, /^mgw-[0-9a-f-]{36}$/)
  t.equal(readFileSync(file, 'utf8'), name)
  t.equal(await gatewayName(file), name)
})

t.test('a name that cannot be read is an error; no other name is made', async (t) => {
  await t.rejects(gatewayName(`${t.testdir({ 'gateway-name': {} })}/gateway-name`), { code: 'EISDIR' })
})

t.test('where no name can be saved, NameNotKept is thrown', async (t) => {
  // A name as long as the file system has leaves no room for the file that is written beside it.
  await t.rejects(gatewayName(join(t.testdir(), 'x'.repeat(255))), { code: 'ERR_GATEWAY_NAME' })
})
