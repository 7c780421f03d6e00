import { readFileSync } from 'node:fs'
import t from 'tap'
import { faults } from '../../src/faults/index.js'

const INVALID =
  '{"fault":{"code":900901, "message":"Invalid Credentials", "description":"Invalid Credentials. Make sure you have given the correct access token"}}'
const CHALLENGE =
  'OAuth2 realm="WSO2 API Microgateway", error="invalid token" , error_description="The access token expired"'

t.test("a revoked token's answer is WSO2's, to the letter", async (t) => {
  t.equal(faults.invalidCredentials.body, INVALID)
  t.equal(faults.invalidCredentials.body.length, 146, 'the length that WSO2 documents')
  t.strictSame(faults.invalidCredentials.headers, [
    'content-type',
    'application/json',
    'content-length',
    '146',
    'www-authenticate',
    CHALLENGE,
  ])
})

t.test('every body is JSON', async (t) => {
  for (const [name, fault] of Object.entries(faults)) t.doesNotThrow(() => JSON.parse(fault.body), name)
})

t.test('every 401 has a challenge, nothing else has', async (t) => {
  for (const [name, fault] of Object.entries(faults)) {
    t.equal(fault.headers.includes('www-authenticate'), fault.status === 401, name)
  }
})

t.test('docs/errors.md lists the catalogue, and nothing else', async (t) => {
  const rows = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(\w+)` +\| (\d+) +\| (\d+) +\|/gm)]
  const documented = Object.fromEntries(rows.map(([, name, status, code]) => [name, [Number(status), Number(code)]]))
  const actual = Object.fromEntries(Object.entries(faults).map(([name, { status, code }]) => [name, [status, code]]))
  t.strictSame(documented, actual)
})

t.test('docs/errors.md lists every reason for which a path is refused, and nothing else', async (t) => {
  const [, section = ''] = /## Why a path is 400\n(.*?)\n## /s.exec(readFileSync('docs/errors.md', 'utf8')) ?? []
  const listed = [...section.matchAll(/^\| `([\w-]+)` /gm)].map(([, reason]) => reason)
  const pathReasons = /type PathRefusalReason =(.*?)\n\n/s.exec(
    readFileSync('src/server/pipeline/path.ts', 'utf8'),
  )?.[1]
  const reasons = [...(pathReasons ?? '').matchAll(/'([\w-]+)'/g)].map(([, reason]) => reason)
  t.same(listed, [...reasons, 'encoded-slash', 'ambiguous'])
})
