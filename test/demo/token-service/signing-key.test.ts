import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { loadSigningKey } from '../../../src/demo/token-service/signing-key.js'
import { silent } from '../../../src/logging/index.js'

test('the key is made once, and its file is for the owner only', async (t) => {
  const file = join(t.testdir(), 'key.json')
  const made = await loadSigningKey(file, silent('test'))
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.equal((await loadSigningKey(file, silent('test'))).kid, made.kid)
})

test('a damaged key is set aside and replaced', async (t) => {
  const file = join(t.testdir(), 'key.json')
  for (const damaged of ['', '{"kty":', '{}', '{"kty":"RSA","n":"AQ","e":"AQAB"}', '{"kty":"oct","k":"AQ"}', 'null']) {
    await writeFile(file, damaged)
    const { kid } = await loadSigningKey(file, silent('test'))
    t.equal(await readFile(`${file}.old`, 'utf8'), damaged)
    t.equal((await loadSigningKey(file, silent('test'))).kid, kid)
  }
})
