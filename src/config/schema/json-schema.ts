import { z } from 'zod'
import { ignoredKeys } from '../problems/ignored.js'
import { configSchema } from './schema.js'

/**
 * The JSON Schema (2020-12) of the configuration file, with each key's description and default, for editors.
 * Sections of WSO2's file that the gateway reads over are allowed, and not described.
 */
export function jsonSchema(): Record<string, unknown> {
  const { properties, ...schema } = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' })
  const sections = ignoredKeys.filter(({ path }) => !path.includes('.'))
  const readOver = sections.map(({ path, why }) => [path, { description: `Not used: ${why}.` }] as const)
  return { title: 'micro-gw.conf', ...schema, properties: { ...properties, ...Object.fromEntries(readOver) } }
}
