import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly format?: string
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
}

interface Response {
  readonly $ref?: string
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

type Operations = Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>

/** docs/admin-openapi.yaml. */
export const DEFINITION = parse(readFileSync('docs/admin-openapi.yaml', 'utf8')) as {
  readonly paths: Readonly<Record<string, Operations>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** What is wrong with an answer by the definition; empty: nothing. */
export function problemsOf(method: string, path: string, status: number, contentType: string, body: string): string[] {
  const declared = DEFINITION.paths[path]?.[method]?.responses[String(status)]
  if (declared === undefined) return [`${method} ${path}: no response ${status}`]
  const { content } = resolved<Response>(declared)
  if (content === undefined) return body === '' ? [] : ['a body where there is none']
  const schema = content[contentType.split(';', 1)[0] ?? '']?.schema
  if (schema === undefined) return [`${method} ${path}: not of type ${contentType}`]
  return schema.type === 'string' ? [] : check(schema, JSON.parse(body), '')
}

function resolved<T extends { readonly $ref?: string }>(one: T): T {
  const [, , kind = '', name = ''] = one.$ref?.split('/') ?? []
  return one.$ref === undefined ? one : (DEFINITION.components[kind]?.[name] as T)
}

function check(given: Schema, value: unknown, at: string): string[] {
  const schema = resolved(given)
  if (!isOfType(schema.type, value)) return [`${at}: not of type ${schema.type}`]
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at}: ${value} is not one of the values`]
  if (schema.format === 'date-time' && new Date(String(value)).toISOString() !== value) return [`${at}: not a time`]
  if (Array.isArray(value)) return value.flatMap((each, i) => check(schema.items ?? {}, each, `${at}[${i}]`))
  if (typeof value !== 'object' || value === null) return []
  const missing = (schema.required ?? []).filter((name) => !Object.hasOwn(value, name))
  const others = Object.entries(value).flatMap(([name, member]) => {
    const own = schema.properties?.[name] ?? schema.additionalProperties ?? {}
    if (own === false) return [`${at}.${name}: not declared`]
    return own === true ? [] : check(own, member, `${at}.${name}`)
  })
  return [...missing.map((name) => `${at}.${name}: missing`), ...others]
}

function isOfType(type: string | undefined, value: unknown): boolean {
  if (type === undefined) return true
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}
