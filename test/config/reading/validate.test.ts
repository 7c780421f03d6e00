import t from 'tap'
import type { ConfigProblem } from '../../../src/config/problems/error.js'
import { plainTree } from '../../../src/config/reading/tree.js'
import { validate } from '../../../src/config/reading/validate.js'

function validated(value: object) {
  const problems: ConfigProblem[] = []
  const parsed = validate(plainTree(value, problems), problems)
  return { parsed, paths: problems.map(({ path, message }) => `${path}: ${message}`) }
}

t.test('what does not fit is a problem and has its default; the rest is kept', async (t) => {
  const { parsed, paths } = validated({ listenerConfig: { httpPort: 'x', httpsPort: 1 }, server: 5 })
  t.same([parsed.listenerConfig.httpPort, parsed.listenerConfig.httpsPort], [9090, 1])
  t.equal(parsed.server.header, 'ballerina')
  t.match(paths, [/^listenerConfig\.httpPort: must be a whole number/, /^server: must be a table/])
})

t.test('a table of a list that lacks several required keys is one problem a key', async (t) => {
  const { paths } = validated({ jwtTokenConfig: [{ claims: [{}] }, { issuer: 'i' }] })
  t.same(paths.sort(), [
    'jwtTokenConfig[0].claims[0].localClaim: is missing',
    'jwtTokenConfig[0].claims[0].remoteClaim: is missing',
    'jwtTokenConfig[0].issuer: is missing',
  ])
})
