import type { z } from 'zod'
import type { ConfigProblem } from '../problems/error.js'
import { configSchema } from '../schema/schema.js'
import { isTree, type Path, pathText, type Tree, valueAt } from './tree.js'

/** What the schema makes of a file. */
export type Parsed = z.output<typeof configSchema>

/** Each round takes something out; this many are enough for a list's item that lacks several required keys. */
const ROUNDS = 16

/**
 * Checks `tree` against the schema and fills in the defaults. What does not fit becomes a problem and is taken out, so
 * that the rest can still be looked at: the caller must not use the result if there are problems.
 */
export function validate(tree: Tree, problems: ConfigProblem[]): Parsed {
  for (let round = 0; round < ROUNDS; round++) {
    const parsed = configSchema.safeParse(tree)
    if (parsed.success) return parsed.data
    for (const issue of parsed.error.issues) {
      const path = issue.path.filter((part) => typeof part !== 'symbol')
      const missing = valueAt(tree, path) === undefined
      problems.push({ path: pathText(path), message: missing ? 'is missing' : issue.message })
    }
    for (const { path } of parsed.error.issues)
      prune(
        tree,
        path.filter((part) => typeof part !== 'symbol'),
      )
  }
  return configSchema.parse({})
}

/** Takes out the value at `path`; if it is not there, or is an item of a list, what holds it. */
function prune(tree: Tree, path: Path): void {
  for (let length = path.length; length > 0; length--) {
    const name = path[length - 1]
    const holder = valueAt(tree, path.slice(0, length - 1))
    if (typeof name === 'string' && isTree(holder) && name in holder) {
      delete holder[name]
      return
    }
  }
}
