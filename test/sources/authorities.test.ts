import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import t from 'tap'
import { parseConfig } from '../../src/config/index.js'
import { silent } from '../../src/logging/index.js'
import { readAuthorities } from '../../src/sources/authorities.js'
import { openStore } from '../../src/sources/open.js'
import { startHub } from '../services/event-hub.js'

const BAD = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

t.test('a damaged certificate of caFile hides none of those after it, and is warned of', async (t) => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  })
  const hub = await startHub(t, { cert, key })
  const directory = t.testdir()
  writeFileSync(join(directory, 'ca.pem'), `# a comment\n${BAD}${cert}\n${BAD}`)
  const { config } = parseConfig(
    `[tokenRevocationConfig.persistent]
  enablePersistentStorageRetrieval = true
  type = "default"
  endpointURL = "${hub.url}"
  caFile = "ca.pem"
`,
    join(directory, 'micro-gw.conf'),
    {},
  )
  const warned: unknown[] = []
  const opened = await openStore(config, (component) => ({
    ...silent(component),
    warn: (text, fields) => warned.push({ text, ...fields }),
  }))
  t.teardown(() => opened?.close())
  for await (const _ of opened?.store.list(new AbortController().signal) ?? []) t.fail('it holds nothing')
  t.equal(hub.requests.length, 1, 'it was reached')
  t.match(warned, [{ text: /certificates of caFile cannot be read/, damaged: '1, 3', trusted: 1 }])
})

t.test('a file without a certificate that can be read is an error', async (t) => {
  for (const text of ['', 'no PEM', BAD]) t.throws(() => readAuthorities(text), /caFile holds no certificate/)
})
