import type { Api } from './api.js'
import type { DefinitionProblem, Report } from './definition/problem.js'

/** Operations that a line names; of the others it says how many they are. */
const MAX_NAMED = 10

/** Reports the operations that are not served, one line a cause. If `strict`, each cause is an error. */
export function tellUnserved(apis: readonly Api[], strict: boolean, report: Report): void {
  for (const api of apis) {
    for (const [{ message, ...place }, operations] of causesOf(api)) {
      const count = operations.length === 1 ? '1 operation is' : `${operations.length} operations are`
      const others = operations.length > MAX_NAMED ? ` and ${operations.length - MAX_NAMED} more` : ''
      const names = operations.slice(0, MAX_NAMED).join(', ') + others
      const fate = strict ? `${count} not protected` : `${count} not served (403)`
      const problem = { ...place, message: `${message}: ${fate}: ${names}` }
      if (strict) report.error(problem)
      else report.warn(problem)
    }
  }
}

/** Each cause, at the first place where it stands, and the operations that are not served for it. */
function causesOf({ resources }: Api): Iterable<[DefinitionProblem, string[]]> {
  const causes = new Map<string, [DefinitionProblem, string[]]>()
  for (const { method, fullTemplate, unserved } of resources) {
    if (unserved === undefined) continue
    const known = causes.get(unserved.message)
    const operation = `${method} ${fullTemplate}`
    if (known === undefined) causes.set(unserved.message, [unserved, [operation]])
    else known[1].push(operation)
  }
  return causes.values()
}
