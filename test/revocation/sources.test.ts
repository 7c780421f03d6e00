import { join } from 'node:path'
import t from 'tap'
import { parseConfig } from '../../src/config/index.js'
import { silent } from '../../src/logging/index.js'
import { openStore } from '../../src/revocation/sources.js'

/** The warnings that opening this store gives; nothing is connected to. */
async function warnings(endpointUrl: string, httpClients: string): Promise<string[]> {
  const file = `[httpClients]
  ${httpClients}
[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "etcd"
  endpointURL = "${endpointUrl}"
`
  const { config } = parseConfig(file, join('nowhere', 'micro-gw.conf'), {})
  const warned: string[] = []
  const opened = await openStore(config, (component) => ({
    ...silent(component),
    warn: (text) => warned.push(text),
  }))
  await opened?.close()
  return warned
}

t.test("what cannot be had from etcd's client is warned of, with the key and the remedy", async (t) => {
  const v3 = 'https://127.0.0.1:1/v3/keys/jti/'
  t.strictSame(await warnings(v3, 'verifyHostname = false'), [
    "httpClients.verifyHostname = false has no effect on etcd's v3 API: write a host name that is in its certificate into tokenRevocationConfig.persistent.endpointURL",
  ])
  t.strictSame(await warnings(v3, 'disableSslVerification = true'), [
    "httpClients.disableSslVerification has no effect on etcd's v3 API: name the authority that signed its certificate in tokenRevocationConfig.persistent.caFile",
  ])
  t.strictSame(await warnings(v3, 'verifyHostname = true'), [], 'nothing is asked for')
  t.strictSame(await warnings('http://127.0.0.1:1/v3/keys/jti/', 'verifyHostname = false'), [], 'no TLS')
  t.strictSame(await warnings('https://127.0.0.1:1/v2/keys/jti/', 'verifyHostname = false'), [], 'v2 heeds it')
})
