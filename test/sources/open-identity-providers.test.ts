import { SignJWT } from 'jose'
import t from 'tap'
import { parseConfig } from '../../src/config/index.js'
import { createHttpClient } from '../../src/http-client/index.js'
import { silent } from '../../src/logging/index.js'
import type { RevocationRecord } from '../../src/revocation/index.js'
import { openIdentityProviders } from '../../src/sources/index.js'
import { publicJwk, rsa } from '../auth/tokens.js'
import { httpServer } from '../support/servers.js'

t.test('the Date of one issuer’s server moves no rule about another’s tokens', async (t) => {
  const key = await publicJwk(rsa.publicKey, { kid: 'k', alg: 'RS256' })
  const keySets = async (date?: string) => {
    const { origin } = await httpServer(t, (_, res) => {
      if (date !== undefined) res.setHeader('date', date)
      res.end(JSON.stringify({ keys: [key] }))
    })
    return origin
  }
  const configured = (name: string, jwksURL: string) => `[[jwtTokenConfig]]
issuer = "https://${name}"
jwksURL = "${jwksURL}"
[[identityProvider]]
name = "${name}"
issuer = "https://${name}"
keycloakAdmin = true
clientIds = ["app"]
`
  const text = configured('wild', await keySets('Thu, 01 Jan 2099 00:00:00 GMT')) + configured('good', await keySets())
  const { config } = parseConfig(text, 'nowhere/micro-gw.conf', {})
  const client = createHttpClient()
  t.teardown(() => client.destroy())
  const witnessed: number[] = []
  const sources = await openIdentityProviders(config, {
    client,
    logging: silent,
    witness: (_, date) => void witnessed.push(date),
  })
  const revoked: RevocationRecord[] = []
  const sink = { revoke: async (records: readonly RevocationRecord[]) => void revoked.push(...records), state() {} }
  for (const source of sources) await source.run(sink, new AbortController().signal)
  t.ok(
    witnessed.some((date) => date > Date.UTC(2098, 0)),
    'the wild Date was seen',
  )

  const expiration = Math.floor(Date.now() / 1000) + 86_400
  const body = await new SignJWT({ id: 'a', expiration, resource: 'app', action: 'LOGOUT' })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'k' })
    .sign(rsa.privateKey)
  const notice = { path: '/keycloak/good/k_logout', contentType: 'text/plain', authorization: undefined, body }
  t.same(await sources[1]?.receive?.(notice, sink), { status: 204 })
  t.match(revoked, [{ kind: 'claims', iss: 'https://good' }])
  const { revokedBefore = 0 } = revoked[0] as { revokedBefore?: number }
  t.ok(revokedBefore < Date.now() + 3_600_000, `what was issued so far has ended, and no more: ${revokedBefore}`)
})
