import t from 'tap'
import { metadataUrls, readMetadata } from '../../../src/sources/ssf/transmitter-metadata.js'

const ISSUER = 'https://idp.example.com/realms/shop'
const GOOD = {
  issuer: ISSUER,
  jwks_uri: `${ISSUER}/keys`,
  configuration_endpoint: `${ISSUER}/streams`,
  status_endpoint: `${ISSUER}/status`,
  verification_endpoint: `${ISSUER}/verify`,
  critical_subject_members: ['tenant', 7],
  spec_version: '1_0',
}

t.test('the metadata are before the path of the issuer, or behind it', async (t) => {
  t.strictSame(metadataUrls(ISSUER), [
    'https://idp.example.com/.well-known/ssf-configuration/realms/shop',
    'https://idp.example.com/realms/shop/.well-known/ssf-configuration',
  ])
  t.strictSame(metadataUrls('https://idp.example.com/'), ['https://idp.example.com/.well-known/ssf-configuration'])
})

t.test('what a transmitter says of itself', async (t) => {
  t.match(readMetadata(GOOD, ISSUER), {
    issuer: ISSUER,
    jwksUri: `${ISSUER}/keys`,
    verificationEndpoint: `${ISSUER}/verify`,
    criticalMembers: ['tenant'],
  })
  const { jwks_uri: _, status_endpoint: __, verification_endpoint: ___, ...least } = GOOD
  t.match(readMetadata(least, ISSUER), { jwksUri: undefined, statusEndpoint: undefined })
})

t.test('metadata that cannot be used', async (t) => {
  const rows: [what: string, value: unknown, message: RegExp][] = [
    ['no object', [], /no JSON object/],
    ['another issuer', { ...GOOD, issuer: `${ISSUER}/` }, /another issuer/],
    ['no issuer', { ...GOOD, issuer: undefined }, /another issuer/],
    ['no configuration endpoint', { ...GOOD, configuration_endpoint: undefined }, /no configuration_endpoint/],
    [
      'an endpoint without TLS',
      { ...GOOD, status_endpoint: 'http://idp.example.com/s' },
      /status_endpoint.*without TLS/,
    ],
    ['keys of a file', { ...GOOD, jwks_uri: 'file:///etc/passwd' }, /jwks_uri.*no http or https URL/],
    ['an endpoint that is no URL', { ...GOOD, verification_endpoint: 7 }, /verification_endpoint/],
  ]
  for (const [what, value, message] of rows) {
    t.throws(() => readMetadata(value, ISSUER), { name: 'TransmitterError', problem: 'metadata', message }, what)
  }
})
