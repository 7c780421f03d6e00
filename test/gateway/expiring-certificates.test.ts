import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../src/certificates/index.js'
import { parseConfig } from '../../src/config/index.js'
import { expiringCertificates } from '../../src/gateway/expiring-certificates.js'
import { readInputs, rehearseStart, startGateway } from '../../src/gateway.js'
import { type Logging, silent } from '../../src/logging/index.js'

const DAY = 86_400_000
const NOW = Date.parse('2026-05-04T03:02:01Z')
/** Days that a certificate made by {@link certificate} is valid for. */
const VALID = 824

/** A certificate and its key that end so many days after a time. */
async function certificate(t: Test, name: string, days: number, now: number = NOW) {
  const { certFile, keyFile, cert } = await ensureSelfSigned(t.testdir({}), [name], now + (days - VALID) * DAY)
  return { certFile, keyFile, cert }
}

const day = (days: number, now = NOW) => new Date(now + days * DAY).toISOString().slice(0, 10)
const warningsOf = (text: string) => expiringCertificates(parseConfig(text, '/c/micro-gw.conf', {}).config, NOW)

/** A file's text for each key that names certificates. */
const places: readonly (readonly [key: string, text: (cert: string, key: string, both: string) => string])[] = [
  ['listenerConfig.certFile', (cert, key) => `[listenerConfig]\ncertFile = "${cert}"\nkeyFile = "${key}"`],
  ['listenerConfig.keyStorePath', (_, __, both) => `[listenerConfig]\nkeyStorePath = "${both}"`],
  ['listenerConfig.trustStorePath', (cert) => `[listenerConfig]\ntrustStorePath = "${cert}"`],
  ['httpClients.sslConfig.keyStorePath', (_, __, both) => `[httpClients.sslConfig]\nkeyStorePath = "${both}"`],
  ['httpClients.sslConfig.trustStorePath', (cert) => `[httpClients.sslConfig]\ntrustStorePath = "${cert}"`],
  ['jwtTokenConfig[0].certFile', (cert) => `[[jwtTokenConfig]]\nissuer = "i"\ncertFile = "${cert}"`],
  ...['realtime', 'persistent'].flatMap((section) => {
    const header = `[tokenRevocationConfig.${section}]`
    return [
      [
        `tokenRevocationConfig.${section}.certFile`,
        (cert: string, key: string) => `${header}\ncertFile = "${cert}"\nkeyFile = "${key}"`,
      ],
      [`tokenRevocationConfig.${section}.caFile`, (cert: string) => `${header}\ncaFile = "${cert}"`],
    ] as const
  }),
]

t.test('a certificate that has expired, or does within 30 days, is warned of by its key', async (t) => {
  for (const [days, said] of [
    [-1, `expired on ${day(-1)}`],
    [29, `expires on ${day(29)}`],
    [31, undefined],
    [VALID + 3, `is not valid before ${day(2)}`],
  ] as const) {
    await t.test(`${days} days`, async (t) => {
      const { certFile, keyFile, cert } = await certificate(t, 'gw.example', days)
      const both = `${certFile}.both`
      await writeFile(both, cert + (await readFile(keyFile, 'utf8')))
      for (const [key, text] of places) {
        const expected = said === undefined ? [] : [`${key}: certificates to renew or remove: gw.example ${said}`]
        t.strictSame(await warningsOf(text(certFile, keyFile, both)), expected, key)
      }
    })
  }
})

t.test('of a bundle, the certificates in question are named, a few of them', async (t) => {
  const { cert, certFile } = await certificate(t, 'old.example', -1)
  await writeFile(certFile, cert.repeat(5))
  const expired = `old.example expired on ${day(-1)}`
  t.strictSame(await warningsOf(`[listenerConfig]\ntrustStorePath = "${certFile}"`), [
    `listenerConfig.trustStorePath: certificates to renew or remove: ${expired}, ${expired}, ${expired}, and 2 more`,
  ])
})

t.test('a file that cannot be read is no warning: what uses it says so', async (t) => {
  t.strictSame(await warningsOf('[listenerConfig]\ntrustStorePath = "/nowhere.p12"'), [])
})

t.test('check and start have the warning', async (t) => {
  const { certFile, keyFile } = await certificate(t, 'gw.example', 3, Date.now())
  const file = join(dirname(certFile), 'micro-gw.conf')
  const listener = `[listenerConfig]\nhost = "127.0.0.1"\nhttpPort = 0\nhttpsPort = 0\ncertFile = "${certFile}"\nkeyFile = "${keyFile}"`
  await writeFile(file, `apiDefinitions = "."\n${listener}\n[admin]\nport = 0\n[server]\nworkers = 1\n`)
  const warning = `listenerConfig.certFile: certificates to renew or remove: gw.example expires on ${day(3, Date.now())}`
  t.ok((await rehearseStart(await readInputs(file))).warnings.includes(warning))
  const logged: string[] = []
  const logging: Logging = (component) => ({ ...silent(component), warn: (text) => void logged.push(text) })
  await (await startGateway(file, { logging })).close()
  t.ok(logged.includes(warning))
})
