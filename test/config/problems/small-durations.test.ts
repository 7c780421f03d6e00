import t from 'tap'
import { read } from '../files.js'

t.test('a time without a unit that is shorter than a second is warned of', async (t) => {
  const warned = (text: string) => read(text).warnings.map(({ path, message, remedy }) => [path, message, remedy])
  t.same(warned('[listenerConfig]\ntimeout = 30'), [
    ['listenerConfig.timeout', 'is 30 milliseconds', 'write "30s" if seconds are meant, or "30ms"'],
  ])
  t.equal(warned('[listenerConfig]\ntimeout = "30"').length, 1)
  t.equal(warned('[tokenRevocationConfig.journal]\nmaxAge = 24').length, 1)
  t.equal(warned('[caching]\ntokenCache.expiryTime = 900').length, 1, 'by an old spelling')
  for (const meant of ['0', '1000', '120000', '"30ms"', '"30s"']) {
    t.same(warned(`[listenerConfig]\ntimeout = ${meant}`), [], meant)
  }
  t.same(warned('[listenerConfig]\nmaxUriLength = 30'), [], 'no time')
})
