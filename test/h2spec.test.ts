import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { gatewayInProcess } from './support/gateway-in-process.js'
import { httpServer } from './support/servers.js'

const DEFINITION = (origin: string) => `
openapi: 3.0.0
info: { title: things, version: v1 }
x-wso2-basePath: /
x-wso2-production-endpoints: { urls: [${JSON.stringify(origin)}] }
paths:
  /open:
    get: { x-wso2-disable-security: true, responses: { default: { description: any } } }
    post: { x-wso2-disable-security: true, responses: { default: { description: any } } }
`

/** What Node's nghttp2 session does, whatever is built on it; docs/http2.md says why each of them is harmless. */
const OF_NODE: readonly string[] = [
  'http2/5.1 closed: Sends a DATA frame after sending RST_STREAM frame',
  'http2/5.1 closed: Sends a HEADERS frame after sending RST_STREAM frame',
  'http2/5.1 closed: Sends a DATA frame',
  'http2/5.1 closed: Sends a HEADERS frame',
  'http2/5.1.1 Sends stream identifier that is numerically smaller than previous',
  'http2/6.7 Sends a PING frame with ACK',
  // Node 26
  'http2/5.3.1 Sends PRIORITY frame that depend on itself',
  'http2/6.3 Sends a PRIORITY frame with 0x0 stream identifier',
  'http2/6.9.1 Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream',
  // Node 20
  'http2/6.9.1 Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1',
]

const isInstalled = spawnSync('h2spec', ['--version']).error === undefined

t.test('HTTP/2 is spoken as h2spec expects', { skip: isInstalled ? false : 'h2spec is not installed' }, async (t) => {
  const { origin } = await httpServer(t, (req, res) => {
    req.resume()
    res.end('{"ok":true}')
  })
  const { httpsPort } = await gatewayInProcess(t, DEFINITION(origin))
  const { failed, total } = await h2spec(t, httpsPort, '/open')
  t.comment(`${total - failed.length} of ${total} passed`)
  t.ok(total >= 145, 'all sections were run')
  t.strictSame(
    failed.filter((name) => !OF_NODE.includes(name)),
    [],
  )
})

/** Runs h2spec; resolves with the names of the tests that failed. */
async function h2spec(t: Test, port: number, path: string): Promise<{ failed: string[]; total: number }> {
  const report = join(t.testdir({}), 'report.xml')
  const to = ['-h', '127.0.0.1', '-p', String(port), '-t', '-k', '-P', path, '-o', '5', '-j', report]
  await new Promise((resolve) => execFile('h2spec', to, resolve)) // it exits with 1 if a test fails
  const cases = [...readFileSync(report, 'utf8').matchAll(/<testcase [^>]*?(?:\/>|>[\s\S]*?<\/testcase>)/g)].map(
    ([text]) => text,
  )
  const nameOf = (text: string) => `${/package="([^"]*)"/.exec(text)?.[1]} ${/classname="([^"]*)"/.exec(text)?.[1]}`
  return { failed: cases.filter((text) => /<(?:failure|error)/.test(text)).map(nameOf), total: cases.length }
}
