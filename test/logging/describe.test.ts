import t from 'tap'
import { describeError, scrub } from '../../src/logging/index.js'
import { readCredential } from '../../src/token/index.js'

const CLAIMS = encoded('{"exp":9999999999}')
const JWT = `${encoded('{"alg":"none"}')}.eyJqdGkiOiJhIn0.c2lnbmF0dXJl`
const JWE = `${encoded('{"alg":"dir","enc":"A128GCM"}')}..aXYtb2YtaXQ.Y2lwaGVydGV4dA.dGFnLW9mLWl0`

t.test('a token is replaced wherever it stands', (t) => {
  for (const [text, shown] of [
    [JWT, '[token]'],
    [JWE, '[token]'],
    [`x.${JWT}`, 'x.[token]'],
    [`=${JWT},`, '=[token],'],
    [`one.host.example ${JWT} another.host.example`, 'one.host.example [token] another.host.example'],
    [`tokenRevocationConfig.realtime.${JWT}`, 'tokenRevocationConfig.realtime.[token]'],
    [`/a.b/${JWT}`, '/a.b/[token]'],
    [`%22${JWT}%22`, '%22[token]%22'],
    [`token_${JWT}`, 'token_[token]'],
    [`${JWT}+/=`, '[token]'],
    [`${JWT} ${JWT}`, '[token] [token]'],
    [JWT.slice(0, -12), '[token]'],
  ] as const) {
    t.equal(scrub(text), shown, text)
  }
  t.end()
})

t.test('a JWT is replaced however its header is written, with the padding that is accepted', (t) => {
  for (const header of [
    '{"alg":"RS256"}',
    ' {"alg":"RS256"}',
    '\t\r\n  { "alg" : "RS256" }',
    `${' '.repeat(100)}{"alg":"RS256"}`,
    '{\n\t"a\\"b": 1, "alg":"RS256"}',
    '{"\u{fc}":1,"alg":"RS256"}',
    '{"":1,"alg":"RS256"}',
  ]) {
    const bare = [encoded(header), CLAIMS, 'c2lnbmF0dXJl']
    const padded = bare.map((part) => part.padEnd(Math.ceil(part.length / 4) * 4, '='))
    for (const jwt of [bare.join('.'), padded.join('.')]) {
      t.match(readCredential(jwt), { kind: 'jwt' }, header)
      t.equal(scrub(`a ${jwt} b`), 'a [token] b', header)
    }
  }
  t.end()
})

t.test('names of hosts, files, classes and keys of the configuration are no tokens', (t) => {
  for (const text of [
    'cannot reach etcd at http://etcd-client.production.cluster.local:2379',
    'getaddrinfo ENOTFOUND keycloak-http.identity.svc.cluster.local',
    'httpClients.sslConfig.trustStorePath and tokenRevocationConfig.persistent.caFile',
    '/reports/quarterly-report.december-2026.final.pdf',
    'eyebrows-and-more.production.cluster.local eyJobs.eyJobs.eyJobs SurveyJobsOfSomebody.production.local',
    'org.example.gateway.SomethingFailed: e30.e30.e30',
    `${'ey'.repeat(50)}.production.local`,
  ]) {
    t.equal(describeError(new Error(text)), text)
  }
  t.end()
})

t.test('hostile text is searched in time that grows with its length', (t) => {
  for (const part of ['eyI', 'eyJ', 'ey', 'a.', '=', 'a=.', 'eyJ.']) {
    const text = part.repeat(65_536)
    const begun = process.cpuUsage()
    scrub(text)
    t.ok(process.cpuUsage(begun).user < 2e6, part)
  }
  t.end()
})

function encoded(text: string): string {
  return Buffer.from(text).toString('base64url')
}
