import t from 'tap'
import type { Api } from '../../src/apis/api.js'
import { type DefinitionProblem, Report } from '../../src/apis/definition/problem.js'
import { tellUnserved } from '../../src/apis/unserved.js'
import { declareApi } from './declare.js'

/** An API of which the operations that a cause is given for are not served. */
function declare(
  basePath: string,
  operations: readonly (readonly [operation: string, cause?: DefinitionProblem])[],
): Api {
  const api = declareApi(basePath, ...operations.map(([operation]) => operation))
  return { ...api, resources: api.resources.map((each, index) => ({ ...each, unserved: operations[index]?.[1] })) }
}

const key = (line: number): DefinitionProblem => ({
  file: 'a.yaml',
  line,
  message: 'asks for a key',
  remedy: 'remove it',
})

t.test(
  'operations that are not served are warned of in one line a cause, at the first place; the others are not named',
  async (t) => {
    const login = { file: 'a.yaml', line: 9, message: 'asks for a login' }
    const operations = [['GET /b', key(7)], ['GET /open'], ['POST /b', key(8)], ['GET /c', login]] as const
    const report = new Report()
    tellUnserved([declare('/a', operations), declare('/z', [['GET /open']])], false, report)
    t.strictSame(report.warnings, [
      { ...key(7), message: 'asks for a key: 2 operations are not served (403): GET /a/b, POST /a/b' },
      { ...login, message: 'asks for a login: 1 operation is not served (403): GET /a/c' },
    ])
    t.strictSame(report.errors, [])
  },
)

t.test('if strict they are errors, which say that the operations are not protected', async (t) => {
  const report = new Report()
  tellUnserved([declare('/a', [['GET /b', key(7)]])], true, report)
  t.strictSame(report.errors, [{ ...key(7), message: 'asks for a key: 1 operation is not protected: GET /a/b' }])
  t.strictSame(report.warnings, [])
})

t.test('a line names ten operations, and says how many more there are', async (t) => {
  const told = (count: number) => {
    const report = new Report()
    const operations = Array.from({ length: count }, (_, index) => [`GET /${index}`, key(7)] as const)
    tellUnserved([declare('', operations)], false, report)
    return report.warnings[0]?.message
  }
  const ten = 'GET /0, GET /1, GET /2, GET /3, GET /4, GET /5, GET /6, GET /7, GET /8, GET /9'
  t.equal(told(10), `asks for a key: 10 operations are not served (403): ${ten}`)
  t.equal(told(12), `asks for a key: 12 operations are not served (403): ${ten} and 2 more`)
})
