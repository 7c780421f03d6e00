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
    ...['bearer', 'jti', 'refresh'],
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
    JWT.replace('0', '%30').replace('.', '%252E'),
  ]
  for (const jwt of [JWT, ...escaped]) {
    for (const target of [`/a/${jwt}/b`, `/a?${jwt}`, `/a?b=${jwt}`, `/a?b=1&${jwt}=2`, `https://u:p@h/${jwt}?c`]) {
      t.notMatch(redactTarget(target), /c2lnbmF0|u:p/, target)
    }
  }
  t.end()
})

t.test('parameters of the path, and of a URL inside of another, are a query’s', (t) => {
  for (const [target, shown] of [
    ['/x;access_token=opaque-1/y;a=b', '/x;access_token=[redacted]/y;a=b'],
    ['/x%3Faccess_token%3Dopaque-1/y', '/[redacted]/y'],
    ['/a?next=https%3A%2F%2Fapp%2Fcb%3Faccess_token%3Dopaque-1&b=2', '/a?next=[redacted]&b=2'],
    ['/a?next=%2Fcb%3Fto%3D%252Fc%253Fa%253D1%2526token%253Dopaque-1', '/a?next=[redacted]'],
    ['/a?next=/cb?token=opaque-1', '/a?next=[redacted]'],
    ['/a?url=https%3A%2F%2Fbob%3Ahunter2%40db/', '/a?url=[redacted]'],
    ['/a?url=https://bob:p@ss@db/x', '/a?url=https://[redacted]@db/x'],
    ['/a?next=%2Fb%3Fpage%3D2', '/a?next=%2Fb%3Fpage%3D2'],
  ] as const) {
    t.equal(redactTarget(target), shown)
  }
  t.end()
})

t.test('all else stays as it came, without the fragment', (t) => {
  for (const target of [
    '/',
    '/a%20b/%2e%41?b=%63&d',
    '/a?',
    '*',
    '',
    '/a?limit=10&name=rex;e=f',
    '/quarterly-report.december-2026.pdf%20?a=etcd-client.production.local',
  ]) {
    t.equal(redactTarget(target), target)
  }
  t.equal(redactTarget('/a#access_token=b'), '/a')
  t.end()
})
