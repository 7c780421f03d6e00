import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../../src/config/index.js'

t.test('a file that can’t be read is a configuration error', async (t) => {
  const directory = t.testdir({ 'latin1.conf': Buffer.from([0x23, 0xe9, 0x0a]), 'large.conf': '#'.repeat(1_048_577) })
  const bad: readonly [string, RegExp][] = [
    ['none.conf', /file not found/],
    ['', /is a directory/],
    ['latin1.conf', /not UTF-8/],
    ['large.conf', /larger than 1048576 bytes/],
  ]
  for (const [name, message] of bad) {
    await t.rejects(loadConfig(join(directory, name), {}), { code: 'ERR_CONFIG', message }, name)
  }
})

t.test('a byte order mark is no part of the file', async (t) => {
  const file = join(t.testdir({ 'a.conf': '\ufeff[logging]\nlevel = "warn"\n' }), 'a.conf')
  t.equal((await loadConfig(file, {})).config.logging.level, 'warn')
})
