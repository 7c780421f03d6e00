import t from 'tap'
import { jsonSchema } from '../../../src/config/index.js'

t.test('the JSON Schema describes every key, with its unit and default', async (t) => {
  const schema = jsonSchema()
  t.match(schema, {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    additionalProperties: false,
    properties: {
      analytics: { description: /^Not used/ },
      listenerConfig: { properties: { httpPort: { default: 9090 }, timeout: { unit: 'ms', default: 120_000 } } },
    },
  })
  const undescribed: string[] = []
  visit(schema, '', undescribed)
  t.same(undescribed, [])
})

t.test('the JSON Schema is JSON', async (t) => {
  t.same(JSON.parse(JSON.stringify(jsonSchema())), jsonSchema())
})

/** Collects the keys that are not tables and have no description. */
function visit(node: unknown, path: string, undescribed: string[]): void {
  const { properties, items, description } = node as {
    properties?: Record<string, unknown>
    items?: { properties?: unknown }
    description?: string
  }
  if (items?.properties !== undefined) visit(items, `${path}[]`, undescribed)
  else if (properties === undefined && description === undefined) undescribed.push(path)
  for (const [name, child] of Object.entries(properties ?? {})) visit(child, `${path}.${name}`, undescribed)
}
