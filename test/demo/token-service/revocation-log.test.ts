import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { RevocationLog, type RevokedToken } from '../../../src/demo/token-service/revocation-log.js'
import { createLogging, type Logger } from '../../../src/logging/index.js'

const NOW = Date.parse('2030-01-01')
const clock = () => NOW

function recorder(): { log: Logger; lines: string[] } {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  return { log: createLogging({ level: 'trace', format: 'json', stream })('test'), lines }
}

function token(jti: string, expiryTime = NOW + 1000): RevokedToken {
  return { jti, expiryTime }
}

async function reopened(file: string): Promise<{ jtis: string[]; lines: string[] }> {
  const { log, lines } = recorder()
  const opened = await RevocationLog.open(file, log, clock)
  const jtis = opened.list().map(({ jti }) => jti)
  await opened.close()
  return { jtis, lines }
}

test('an entry is in the file when its addition resolves, without a close', async (t) => {
  const file = join(t.testdir(), 'list')
  const opened = await RevocationLog.open(file, recorder().log, clock)
  t.teardown(() => opened.close())
  const addition = opened.add(token('a'))
  t.equal(opened.has('a'), false, 'listed only once it is on disk')
  await addition
  t.equal(opened.has('a'), true)
  t.equal(await readFile(file, 'utf8'), `{"jti":"a","expiryTime":${NOW + 1000}}\n`)
  t.equal((await stat(file)).mode & 0o777, 0o600)
})

test('a last line that is cut at any byte costs that line only, and the next one is whole', async (t) => {
  const file = join(t.testdir(), 'list')
  const kept = `${JSON.stringify(token('kept'))}\n`
  const last = `${JSON.stringify(token('last'))}\n`
  for (let length = 0; length < last.length; length++) {
    await writeFile(file, kept + last.slice(0, length))
    const { log, lines } = recorder()
    const opened = await RevocationLog.open(file, log, clock)
    await opened.add(token('next'))
    await opened.close()
    const whole = length === last.length - 1
    t.same((await reopened(file)).jtis, whole ? ['kept', 'last', 'next'] : ['kept', 'next'])
    t.same(lines, [], 'what a crash leaves is nothing to warn of')
  }
})

test('lines that are damaged in the middle are passed over with a warning, and a copy is kept', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'list')
  const content = `${JSON.stringify(token('a'))}\nnull\n{"jti":7,"expiryTime":1}\n{"jti":"x"}\n\u0000\n${JSON.stringify(token('b'))}\n`
  await writeFile(file, content)
  const { jtis, lines } = await reopened(file)
  t.same(jtis, ['a', 'b'])
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { level: 'warn', lines: 4 })
  t.equal(await readFile(`${file}.old`, 'utf8'), content)
  t.same((await reopened(file)).lines, [])
  t.same(await readdir(directory), ['list', 'list.old'])
})

test('expired entries are dropped from the file at the next start', async (t) => {
  const file = join(t.testdir(), 'list')
  await writeFile(
    file,
    [token('old', NOW - 300_001), token('recent', NOW - 299_999)].map((e) => `${JSON.stringify(e)}\n`).join(''),
  )
  t.same((await reopened(file)).jtis, ['recent'])
  t.notMatch(await readFile(file, 'utf8'), 'old')
})

test('the file is shortened while it is in use, and nothing is lost by it', async (t) => {
  const file = join(t.testdir(), 'list')
  const opened = await RevocationLog.open(file, recorder().log, clock)
  await opened.add(token('first'))
  await Promise.all(Array.from({ length: 10_050 }, () => opened.add(token('again'))))
  await opened.add(token('last'))
  t.ok((await stat(file)).size < 1000)
  await opened.close()
  t.same((await reopened(file)).jtis, ['first', 'again', 'last'])
})

test('an addition after the end is an error', async (t) => {
  const opened = await RevocationLog.open(join(t.testdir(), 'list'), recorder().log, clock)
  await opened.close()
  await t.rejects(opened.add(token('a')))
})
