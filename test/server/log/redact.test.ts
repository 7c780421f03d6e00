import t from 'tap'
import { redactTarget } from '../../../src/server/log/redact.js'

const JWT = 'eyJhbGciOiJub25lIn0.eyJqdGkiOiJhIn0.c2lnbmF0dXJl'

t.test('values of parameters that may be credentials are replaced', (t) => {
  for (const name of [
    ...[
      'access_token',
      'ACCESS_TOKEN',
      'access%5Ftoken',
      'access_%74ok%65n',
      'access_token%00x',
      'id_token',
      'client_secret',
    ],
    ...['password', 'apikey', 'X-Amz-Signature', 'code', 'SAMLResponse', 'sessionId', 'a;access_token'],
  ]) {
    t.equal(redactTarget(`/a?b=1&${name}=opaque-1&c=2`), `/a?b=1&${name}=[redacted]&c=2`, name)
  }
  t.end()
})

t.test('what looks like a JWT is replaced wherever it stands, escaped or not', (t) => {
  const escaped = [
    JWT.replaceAll('.', '%2E'),
    JWT.replaceAll('.', '%2e'),
    JWT.replace('e', '%65'),
    JWT.replace('J', '%4A'),
  ]
  for (const jwt of [JWT, ...escaped]) {
    for (const target of [`/a/${jwt}/b`, `/a?${jwt}`, `/a?b=${jwt}`, `/a?b=1&${jwt}=2`, `https://u:p@h/${jwt}?c`]) {
      t.notMatch(redactTarget(target), /c2lnbmF0|u:p/, target)
    }
  }
  t.end()
})

t.test('all else stays as it came, without the fragment', (t) => {
  for (const target of ['/', '/a%20b/%2e%41?b=%63&d', '/a?', '*', '', '/a?limit=10&name=rex;e=f']) {
    t.equal(redactTarget(target), target)
  }
  t.equal(redactTarget('/a#access_token=b'), '/a')
  t.end()
})
