import { readFileSync } from 'node:fs'
import t from 'tap'
import { ensureSelfSigned } from '../../src/certificates/self-signed.js'
import { validities } from '../../src/certificates/validity.js'
import { missing, openssl } from './stores.js'

const DAY = 86_400_000
const NOW = Date.parse('2026-05-04T03:02:01Z')

t.test('each certificate in PEM has its name and its time; a key has none', async (t) => {
  const { cert, key } = await ensureSelfSigned(t.testdir(), ['gw.example'], NOW)
  const gateway = { name: 'gw.example', from: NOW - DAY, until: NOW + 824 * DAY }
  t.strictSame(validities(cert), [gateway])
  t.strictSame(validities(`${cert}\n# another\n${key}\n${cert}`), [gateway, gateway])
  t.strictSame(validities(key), [])
})

t.test('a damaged certificate is an error', async (t) => {
  const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  t.throws(() => validities(damaged), { code: 'ERR_CERTIFICATE_FORMAT' })
})

t.test('a certificate without a common name has its subject for a name', { skip: missing('openssl') }, async (t) => {
  const directory = t.testdir()
  const [cert, key] = [`${directory}/c.pem`, `${directory}/k.pem`]
  const [curve, subject] = ['ec_paramgen_curve:P-256', '/O=Example/OU=Gateways']
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    curve,
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-subj',
    subject,
  )
  t.match(validities(readFileSync(cert, 'utf8')), [{ name: /O=Example OU=Gateways/ }])
})
