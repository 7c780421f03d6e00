import { formerKeys } from '../reading/old-spellings.js'
import { isTree, nameText, type Path, pathText, type Tree } from '../reading/tree.js'
import { knownKeys, type SchemaNode, schemaTree } from '../schema/keys.js'
import type { ConfigProblem } from './error.js'
import { nearest } from './nearest.js'

/** So many keys of a table are named when none is near. */
const NAMED = 12
/** So many tables are named that a key may belong in. */
const HOMES = 4
/** Beyond so many problems, a file is something else than a configuration: the rest is only counted. */
const EXPLAINED = 200

/** Takes out of `tree` whatever the schema does not know; each is a problem that says what was probably meant. */
export function refuseUnknown(tree: Tree, problems: ConfigProblem[]): void {
  visit(tree, schemaTree, [], problems)
}

function visit(tree: Tree, node: SchemaNode, path: Path, problems: ConfigProblem[]): void {
  const unknown = Object.keys(tree).filter((key) => !node.keys.has(key))
  const pasted = pastedBlock(tree, unknown, node, path)
  if (pasted !== undefined) problems.push(pasted.problem)
  for (const key of unknown) {
    if (pasted?.keys.has(key)) {
      delete tree[key]
      continue
    }
    const explained =
      problems.length < EXPLAINED ? explain(key, isTree(tree[key]), unknown, node, path) : { message: 'unknown key' }
    problems.push({ path: pathText([...path, key]), ...explained })
    delete tree[key]
  }
  for (const [key, child] of node.keys) {
    const value = tree[key]
    if (child.kind === 'table' && isTree(value)) visit(value, child, [...path, key], problems)
    const { item } = child
    if (item === undefined || !Array.isArray(value)) continue
    for (const [index, each] of value.entries()) if (isTree(each)) visit(each, item, [...path, key, index], problems)
  }
}

/** Keys of other tables that stand together without their headers, as pasted from a page: one problem, which says where headers belong. */
function pastedBlock(
  tree: Tree,
  unknown: readonly string[],
  node: SchemaNode,
  path: Path,
): { readonly keys: ReadonlySet<string>; readonly problem: ConfigProblem } | undefined {
  if (unknown.length > EXPLAINED) return undefined
  // At the top of the file stand tables: no key is meant to be one of their names.
  const isNear = (key: string) => path.length > 0 && nearest(key, node.keys.keys()) !== undefined
  const keys = new Set<string>()
  const headers: string[] = []
  let last: string | undefined
  for (const key of unknown) {
    const [home, ...others] = isTree(tree[key]) || isNear(key) ? [] : tablesOf(key, unknown)
    if (home === undefined || others.length > 0) continue
    if (home !== last) headers.push(`${home} above ${key}`)
    last = home
    keys.add(key)
  }
  const [first] = keys
  if (first === undefined || keys.size === 1) return undefined
  const stand = path.length === 0 ? 'are outside their tables' : `do not belong in ${header(path)}`
  const message = `${keys.size} keys from here on ${stand}`
  return {
    keys,
    problem: { path: pathText([...path, first]), message, remedy: `add the header ${headers.join(', and ')}` },
  }
}

function explain(
  key: string,
  isTable: boolean,
  unknown: readonly string[],
  node: SchemaNode,
  path: Path,
): Omit<ConfigProblem, 'path'> {
  const where = path.length === 0 ? 'at the top of the file' : `in ${header(path)}`
  const near = nearest(key, node.keys.keys())
  const homes = isTable || (near !== undefined && path.length > 0) ? [] : tablesOf(key, unknown).slice(0, HOMES)
  if (homes.length > 0) {
    const stands = path.length === 0 ? 'is outside its table' : `does not belong ${where}`
    const home = homes.join(' or ')
    return { message: `${stands}: it belongs in ${home}`, remedy: `add the header ${home} above it` }
  }
  const kind = isTable ? 'table' : 'key'
  const message = `unknown ${kind} ${where}`
  if (near !== undefined) return { message, remedy: `did you mean ${near}?` }
  const elsewhere = isTable ? undefined : nearest(key, new Set(knownKeys.map((each) => each.name)))
  if (elsewhere !== undefined) {
    return {
      message,
      remedy: `did you mean ${elsewhere} in ${tablesOf(elsewhere, unknown).slice(0, HOMES).join(' or ')}?`,
    }
  }
  const names = [...node.keys.keys()]
  const some = names.length > NAMED ? `${names.slice(0, NAMED).join(', ')} ...` : names.join(', ')
  return { message, remedy: `known here: ${some}` }
}

/**
 * The headers of the tables that have a key of this name. Several do (`username`, `type`): those that also have most
 * of the keys found astray with it are meant, as when a block was pasted without its header.
 */
function tablesOf(key: string, astray: readonly string[]): string[] {
  const candidates = everyKey.filter((each) => each.name === key && each.table !== '')
  const scored = candidates.map((each) => ({
    header: each.repeatable ? `[[${each.table}]]` : `[${each.table}]`,
    score: astray.filter((other) => everyPath.has(`${each.table}.${other}`)).length,
  }))
  const best = Math.max(...scored.map((each) => each.score))
  return [...new Set(scored.filter((each) => each.score === best).map((each) => each.header))]
}

const everyKey = [...knownKeys, ...formerKeys]
const everyPath = new Set(everyKey.map((each) => `${each.table}.${each.name}`))

function header(path: Path): string {
  const names = path.filter((part): part is string => typeof part === 'string').map(nameText)
  return typeof path.at(-1) === 'number' ? `[[${names.join('.')}]]` : `[${names.join('.')}]`
}
