import { inspect } from 'node:util'
import t from 'tap'
import { parseConfig, Secret } from '../../src/config/index.js'

t.test('printing a secret does not reveal it', async (t) => {
  const secret = new Secret('hunter2')
  for (const shown of [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true }),
  ]) {
    t.notMatch(shown, /hunter2/)
  }
  t.equal(secret.reveal(), 'hunter2')
  t.equal(secret.isEmpty, false)
  t.equal(new Secret('').isEmpty, true)
})

t.test('a printed configuration shows no secret', async (t) => {
  const { config } = parseConfig(
    '[tokenRevocationConfig.realtime]\njmsConnectionPassword = "hunter2"\njmsConnectionProviderUrl = "tcp://hunter2"\n' +
      '[[jwtTokenConfig]]\nissuer = "i"\njwksURL = "http://i"\n[admin]\ntoken = "hunter2"',
    'a.conf',
    {},
  )
  t.notMatch(inspect(config, { depth: 20, showHidden: true }), /hunter2/)
  t.notMatch(JSON.stringify(config), /hunter2/)
})
