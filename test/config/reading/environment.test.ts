import t from 'tap'
import { config, problems } from '../files.js'

t.test('$env{NAME} stands for an environment variable', async (t) => {
  const env = { PORT: '8443', HOST: 'gw', NESTED: '$env{HOST}', OFF: 'false' }
  const { listenerConfig, jwtTokenConfig, httpClients } = config(
    `
[listenerConfig]
httpsPort = "$env{PORT}"
[httpClients]
verifyHostname = "$env{OFF}"
[[jwtTokenConfig]]
issuer = "$env{NESTED}"
jwksURL = "https://$env{HOST}:$env{PORT}/jwks"
`,
    env,
  )
  t.equal(listenerConfig.httpsPort, 8443)
  t.equal(httpClients.verifyHostname, false)
  t.equal(jwtTokenConfig[0]?.jwksURL, 'https://gw:8443/jwks')
  t.equal(jwtTokenConfig[0]?.issuer, '$env{HOST}', 'what a variable holds is not looked into')
  const missing = problems('[[jwtTokenConfig]]\nissuer = "a$env{MISSING}"\njwksURL = "$env{}"')
  t.match(missing.get('jwtTokenConfig[0].issuer'), /environment variable MISSING is not set/)
  t.match(missing.get('jwtTokenConfig[0].jwksURL'), /does not hold a variable name/)
  t.equal(missing.size, 2)
})

t.test(
  'a reference may stand anywhere: in the middle of a text, several times, in lists and in keys of a custom store',
  async (t) => {
    const { persistent } = config(
      `[tokenRevocationConfig.persistent]
type = "mine"
module = "m.js"
hosts = ["$env{A}:1", "x-$env{A}-$env{B}"]
[tokenRevocationConfig.persistent.options]
deep = { password = "$env{B}" }
`,
      { A: 'a', B: 'b' },
    ).tokenRevocationConfig
    t.same(persistent.options, { hosts: ['a:1', 'x-a-b'], deep: { password: 'b' } })
  },
)

t.test('what stands between the braces is not repeated unless it is a name', async (t) => {
  for (const [text, secret] of [
    ['$env{hunter2!}', 'hunter2'],
    ['$env{hunter2', 'hunter2'],
  ] as const) {
    t.notMatch(problems(`[admin]\ntoken = "${text}"`).get('admin.token'), secret, text)
  }
})
