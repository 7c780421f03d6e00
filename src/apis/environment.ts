import type { DefinitionNode } from './definition-node.js'

/** The environment that definitions may refer to. */
export type Environment = Readonly<Record<string, string | undefined>>

const REFERENCE = /\$env\{([^{}]*)\}/g

/** A text with each `$env{NAME}` replaced by that variable. One that is not set is a problem. */
export function substitute(node: DefinitionNode, text: string, environment: Environment): string | undefined {
  const missing: string[] = []
  const result = text.replace(REFERENCE, (_, name: string) => {
    const value = environment[name]
    if (value === undefined) missing.push(name)
    return value ?? ''
  })
  if (missing.length === 0) return result
  node.error(`the environment variable ${missing.join(', ')} is not set`)
  return undefined
}
