import type { ConfigProblem } from '../problems/error.js'
import { isTree, type Path, pathText, type Tree } from './tree.js'

/** The environment that `$env{NAME}` reads. */
export type Environment = Readonly<Record<string, string | undefined>>

const REFERENCE = /\$env\{([^}]*)\}?/g
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/

/**
 * Replaces `$env{NAME}` in every string of `tree`, once: a variable's value is not expanded again.
 * A value whose variable is not set is removed, and reported with its key.
 */
export function substituteEnvironment(tree: Tree, env: Environment, problems: ConfigProblem[]): void {
  for (const [key, value] of Object.entries(tree)) {
    const substituted = substitute(value, [key], env, problems)
    if (substituted === undefined) delete tree[key]
    else tree[key] = substituted
  }
}

function substitute(value: unknown, path: Path, env: Environment, problems: ConfigProblem[]): unknown {
  if (typeof value === 'string') return substituteText(value, path, env, problems)
  if (Array.isArray(value)) {
    return value
      .map((item, index) => substitute(item, [...path, index], env, problems))
      .filter((item) => item !== undefined)
  }
  if (!isTree(value)) return value
  for (const [key, child] of Object.entries(value)) {
    const substituted = substitute(child, [...path, key], env, problems)
    if (substituted === undefined) delete value[key]
    else value[key] = substituted
  }
  return value
}

function substituteText(text: string, path: Path, env: Environment, problems: ConfigProblem[]): string | undefined {
  let failed = false
  const fail = (message: string, remedy: string) => {
    failed = true
    problems.push({ path: pathText(path), message, remedy })
    return ''
  }
  const substituted = text.replace(REFERENCE, (reference, name: string) => {
    // The text between the braces is not shown: it may be the secret itself, put there by mistake.
    if (!NAME.test(name) || !reference.endsWith('}')) {
      return fail('$env{...} does not hold a variable name', 'write $env{NAME}')
    }
    return env[name] ?? fail(`the environment variable ${name} is not set`, 'set it, or write the value here')
  })
  return failed ? undefined : substituted
}
