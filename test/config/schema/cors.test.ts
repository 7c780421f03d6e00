import t from 'tap'
import { parseConfig } from '../../../src/config/index.js'
import { ConfigError } from '../../../src/config/problems/error.js'
import { corsOf } from '../../../src/config/schema/cors.js'

const read = (lines: string) => parseConfig(`[keyManager]\n[keyManager.cors]\n${lines}`, 'micro-gw.conf', {})

function problemsOf(lines: string) {
  try {
    read(lines)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

t.test('the keys are those of x-wso2-cors, in either of its spellings', async (t) => {
  const expected = {
    allowOrigins: ['https://app.example'],
    allowCredentials: true,
    allowHeaders: ['authorization'],
    allowMethods: ['POST'],
    exposeHeaders: ['etag'],
  }
  const dashed = `access-control-allow-origins = ["https://app.example"]
access-control-allow-credentials = true
access-control-allow-headers = ["Authorization"]
access-control-allow-methods = ["post"]
access-control-expose-headers = ["ETag"]`
  const camel = dashed.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
  for (const lines of [dashed, camel]) {
    const { config, warnings } = read(lines)
    t.strictSame(corsOf(config.keyManager?.cors), expected)
    t.same(warnings, [])
  }
  t.equal(corsOf(read(`${camel}\ncorsConfigurationEnabled = false`).config.keyManager?.cors), undefined)
  t.equal(corsOf(parseConfig('[keyManager]', 'micro-gw.conf', {}).config.keyManager?.cors), undefined)
})

t.test('an unknown key, and a value that is none, are errors that name the key', async (t) => {
  t.match(problemsOf('access-control-allow-origin = ["*"]'), [
    {
      path: 'keyManager.cors.access-control-allow-origin',
      message: /unknown key/,
      remedy: /accessControlAllowOrigins/,
    },
  ])
  t.match(problemsOf('preflightAge = 5'), [{ path: 'keyManager.cors.preflightAge', message: /unknown key/ }])
  t.match(problemsOf('accessControlAllowOrigins = "*"'), [{ path: 'keyManager.cors.accessControlAllowOrigins' }])
  t.match(problemsOf('accessControlAllowMethods = ["a b"]'), [{ path: /^keyManager\.cors\.accessControlAllowMethods/ }])
})

t.test('credentials are never allowed to every origin, and a warning says so', async (t) => {
  const { config, warnings } = read('accessControlAllowOrigins = ["*"]\naccessControlAllowCredentials = true')
  t.equal(corsOf(config.keyManager?.cors)?.allowCredentials, false)
  t.match(warnings, [{ path: 'keyManager.cors.accessControlAllowCredentials', message: /every origin/ }])
})
