import t from 'tap'
import { type Config, parseConfig } from '../../src/config/index.js'
import {
  asPrimary,
  type OfPrimary,
  ofPrimary,
  takesEffectBy,
  withNewWorkers,
  withoutRestart,
} from '../../src/gateway/reload.js'

function configOf(text: string) {
  const { config } = parseConfig(text, '/mgw/micro-gw.conf', {})
  return config
}

t.test('what a running process can take is taken; the rest stays and is named', async (t) => {
  const running = configOf(
    '[listenerConfig]\nhttpPort = 1\n[tokenRevocationConfig.realtime]\njmsConnectionPassword = "a"\n',
  )
  const next = configOf(
    '[listenerConfig]\nhttpPort = 2\nmaxEntityBodySize = 5\n[authConfig]\nauthorizationHeader = "x-token"\n[tokenRevocationConfig.realtime]\njmsConnectionPassword = "b"\n',
  )
  const { config, needsRestart } = withoutRestart(running, next)
  t.same(needsRestart, ['listenerConfig.httpPort', 'tokenRevocationConfig'])
  t.equal(config.listenerConfig.httpPort, 1)
  t.equal(config.listenerConfig.maxEntityBodySize, 5)
  t.equal(config.authConfig.authorizationHeader, 'x-token')
  t.equal(config.tokenRevocationConfig.realtime.jmsConnectionPassword.reveal(), 'a')
  t.same(withoutRestart(running, running).needsRestart, [])
})

t.test(
  'the documented way is one by which a change of each section and key takes effect, and no easier one does',
  async (t) => {
    const started = configOf('[keyManager]\nserverUrl = "https://km.example"\n')
    const wayOf = (next: object) => {
      const isTaken = (by: typeof withoutRestart) => by(started, next as Config).needsRestart.length === 0
      return isTaken(withoutRestart) ? 'reload' : isTaken(withNewWorkers) ? 'reload --workers' : 'restart'
    }
    for (const section of Object.keys(started) as (keyof Config)[]) {
      if (section === 'listenerConfig') continue
      t.equal(wayOf({ ...started, [section]: { other: true } }), takesEffectBy(section, ''), section)
    }
    for (const key of Object.keys(started.listenerConfig)) {
      const listenerConfig = { ...started.listenerConfig, [key]: { other: true } }
      t.equal(wayOf({ ...started, listenerConfig }), takesEffectBy('listenerConfig', key), key)
    }
  },
)

t.test('a key manager that is added has no listener of its own before a restart', async (t) => {
  const next = configOf('[keyManager]\nserverUrl = "https://km.example"\n')
  t.same(withoutRestart(configOf(''), next).needsRestart, ['listenerConfig.tokenListenerPort'])
})

t.test('an identity provider has the keys of its issuer from the start', async (t) => {
  const text = (url: string) =>
    `[[jwtTokenConfig]]\nissuer = "i"\njwksURL = "${url}"\n[[identityProvider]]\nname = "idp"\nissuer = "i"\n`
  const { config, needsRestart } = withoutRestart(configOf(text('http://a')), configOf(text('http://b')))
  t.same(needsRestart, ['identityProvider'])
  t.equal(config.jwtTokenConfig[0]?.jwksURL, 'http://b', 'its tokens are verified by the new ones')
})

t.test('new workers take everything but what the primary reads', async (t) => {
  const started = configOf('[listenerConfig]\nhttpPort = 1\n[logging]\nlevel = "info"\n')
  const next = configOf(
    '[listenerConfig]\nhttpPort = 1\nmaxHeaderSize = 9000\n[http2]\nenable = false\n[logging]\nlevel = "warn"\n[keyManager]\nserverUrl = "https://km.example"\n',
  )
  const { config, needsRestart } = withNewWorkers(started, next)
  t.same(needsRestart, ['logging'])
  t.equal(config.listenerConfig.maxHeaderSize, 9000)
  t.equal(config.http2.enable, false)
  t.equal(config.logging.level, 'info')
})

t.test('a worker that is started writes where its primary does, whatever the file says by then', async (t) => {
  const text = (file: string, authorization: string) =>
    `[auditLog]\nenable = true\nfile = "${file}"\n[logging]\nlevel = "info"\n[openTelemetry]\nendpoint = "http://${file}"\nauthorization = "${authorization}"\n`
  const shared = JSON.stringify(ofPrimary(configOf(text('a', 'Bearer secret'))))
  t.notMatch(shared, /secret/)
  const next = configOf(text('b', 'Bearer new').replace('enable = true', 'enable = false').replace('"info"', '"warn"'))
  const { auditLog, logging, openTelemetry } = asPrimary(next, JSON.parse(shared) as OfPrimary)
  t.match(auditLog, { enable: true, file: /a$/ })
  t.equal(logging.level, 'info')
  t.equal(openTelemetry.endpoint, 'http://a')
  t.equal(openTelemetry.authorization.reveal(), 'Bearer new')
})
