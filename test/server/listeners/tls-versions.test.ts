import { once } from 'node:events'
import { connect, type SecureVersion } from 'node:tls'
import t from 'tap'
import { gatewayInProcess } from '../../support/gateway-in-process.js'

const DEFINITION = `openapi: 3.0.3
info: { title: Things, version: '1.0' }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: ['http://127.0.0.1:9'] }
paths: { /one: { get: { responses: {} } } }
`

t.test('the HTTPS listener speaks the configured versions of TLS and no other', async (t) => {
  for (const [configured, spoken] of [
    ['TLSv1.3', ['TLSv1.3']],
    ['TLSv1.2', ['TLSv1.2']],
    ['TLSv1.2,TLSv1.3', ['TLSv1.2', 'TLSv1.3']],
  ] as const) {
    const { httpsPort } = await gatewayInProcess(
      t,
      DEFINITION,
      `[mutualSSLConfig]\nprotocolVersions = "${configured}"\n`,
    )
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      t.equal(
        await negotiates(httpsPort, version),
        (spoken as readonly string[]).includes(version),
        `${configured}: ${version}`,
      )
    }
  }
})

async function negotiates(port: number, version: SecureVersion): Promise<boolean> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
  })
  try {
    await once(socket, 'secureConnect')
    return socket.getProtocol() === version
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
