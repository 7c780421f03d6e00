import { z } from 'zod'
import { configSchema } from './schema.js'
import { type KeyNote, keyNotes } from './values.js'

/** What the schema says about a table (with its keys), a list (with its items) or a key. */
export interface SchemaNode {
  readonly kind: 'table' | 'list' | 'value'
  readonly note: KeyNote
  /** Of a table: what may stand in it. */
  readonly keys: ReadonlyMap<string, SchemaNode>
  /** Of a list of tables: one of them. */
  readonly item?: SchemaNode
}

/** A key that may be written in the file. */
export interface KnownKey {
  /** The table that it stands in, as its header has it: `tokenRevocationConfig.realtime`; empty at the top of the file. */
  readonly table: string
  readonly name: string
  /** Whether the table is repeatable, `[[so]]`. */
  readonly repeatable: boolean
  readonly note: KeyNote
}

/** The schema as a tree of tables and keys. */
export const schemaTree: SchemaNode = nodeOf(configSchema)

/** Every key of the schema, in its order. */
export const knownKeys: readonly KnownKey[] = [...keysOf(schemaTree, '', false)]

function nodeOf(schema: z.ZodType): SchemaNode {
  const { core, note } = unwrap(schema)
  if (core instanceof z.ZodObject) {
    const keys = Object.entries(core.shape as Record<string, z.ZodType>).map(
      ([name, child]) => [name, nodeOf(child)] as const,
    )
    return { kind: 'table', note, keys: new Map(keys) }
  }
  if (core instanceof z.ZodArray) {
    const item = nodeOf(core.element as z.ZodType)
    if (item.kind === 'table') return { kind: 'list', note, keys: new Map(), item }
  }
  return { kind: 'value', note, keys: new Map() }
}

/** Takes the layers off (optional, default, transformation), collecting what was noted on them. */
function unwrap(schema: z.ZodType): { core: z.ZodType; note: KeyNote } {
  let core = schema
  let note: KeyNote = {}
  for (;;) {
    note = { ...keyNotes.get(core), ...note }
    if (core instanceof z.ZodOptional || core instanceof z.ZodPrefault) core = core.unwrap() as z.ZodType
    else if (core instanceof z.ZodPipe) core = core.in as z.ZodType
    else return { core, note }
  }
}

function* keysOf(node: SchemaNode, table: string, repeatable: boolean): Generator<KnownKey> {
  for (const [name, child] of node.keys) {
    const path = table === '' ? name : `${table}.${name}`
    if (child.kind === 'table') yield* keysOf(child, path, repeatable)
    else if (child.item !== undefined) yield* keysOf(child.item, path, true)
    else yield { table, name, repeatable, note: child.note }
  }
}
