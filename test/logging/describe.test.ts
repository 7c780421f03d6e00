import t from 'tap'
import { describeError, scrub } from '../../src/logging/index.js'

t.test('what looks like a token is replaced, and a key of the configuration is not', async (t) => {
  const key = 'correct tokenRevocationConfig.realtime.jmsConnectionUsername and tokenRevocationConfig.persistent.caFile'
  t.equal(describeError(new Error(key)), key)
  const jwt = 'eyJhbGciOiJub25lIn0.eyJqdGkiOiJhIn0.c2lnbmF0dXJl'
  for (const text of [
    jwt,
    `x.${jwt}`,
    `=${jwt},`,
    `tokenRevocationConfig.${jwt}`,
    `tokenRevocationConfig.realtime.${jwt}`,
  ]) {
    t.notMatch(scrub(text), /eyJ/, text)
  }
})
