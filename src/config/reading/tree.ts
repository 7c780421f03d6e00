import type { ConfigProblem } from '../problems/error.js'

/** A table of the file, as parsed. Has no prototype, so that no key of a file can be mistaken for one of ours. */
export interface Tree {
  [key: string]: unknown
}

/** Where a value stands: the names of tables and keys, and the indexes of lists. */
export type Path = readonly (string | number)[]

/** Tables and lists may be nested so deep; nothing of ours needs more than half of it. */
const MAX_DEPTH = 16
const MAX_NAME = 64

/** Whether a value is a table of the file: tables have no prototype. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null
}

/** Copies what the TOML parser gave into {@link Tree}s, leaving out, as problems, what can't be meant. */
export function plainTree(parsed: object, problems: ConfigProblem[]): Tree {
  return copyTable(parsed, [], problems)
}

function copyTable(parsed: object, path: Path, problems: ConfigProblem[]): Tree {
  const tree: Tree = Object.create(null) as Tree
  for (const [key, value] of Object.entries(parsed)) {
    const here = [...path, key]
    // The parser puts a table of such a name onto a property that every object has.
    if (key in Object.prototype || typeof value === 'function') {
      problems.push({ path: pathText(here), message: 'unknown key' })
    } else if (here.length > MAX_DEPTH) {
      problems.push({ path: pathText(here), message: 'is nested too deeply' })
    } else {
      tree[key] = copyValue(value, here, problems)
    }
  }
  return tree
}

function copyValue(value: unknown, path: Path, problems: ConfigProblem[]): unknown {
  if (Array.isArray(value)) {
    if (path.length < MAX_DEPTH) return value.map((item, index) => copyValue(item, [...path, index], problems))
    problems.push({ path: pathText(path), message: 'is nested too deeply' })
    return []
  }
  if (typeof value === 'object' && value !== null && !(value instanceof Date)) return copyTable(value, path, problems)
  return value
}

/** A path as people write it: `jwtTokenConfig[0].issuer`. */
export function pathText(path: Path): string {
  let written = ''
  for (const part of path) {
    if (typeof part === 'number') written += `[${part}]`
    else written += written === '' ? nameText(part) : `.${nameText(part)}`
  }
  return written
}

/** A key's name as the file has it: quoted where it must be, and never longer than a name is. */
export function nameText(name: string): string {
  const short = name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}...` : name
  return /^[A-Za-z0-9_-]+$/.test(short) ? short : JSON.stringify(short)
}

/** The value at a path of names, or `undefined`. */
export function valueAt(tree: unknown, path: Path): unknown {
  let current = tree
  for (const part of path) {
    if (Array.isArray(current) && typeof part === 'number') current = current[part]
    else if (isTree(current)) current = current[String(part)]
    else return undefined
  }
  return current
}

/** Every value at a path of names, in each table of a list, with where it stands. */
export function* valuesAt(
  tree: unknown,
  names: readonly string[],
  path: Path = [],
): Generator<{ readonly path: Path; readonly value: unknown }> {
  const [name, ...rest] = names
  if (name === undefined) yield { path, value: tree }
  else if (Array.isArray(tree))
    for (const [index, item] of tree.entries()) yield* valuesAt(item, names, [...path, index])
  else if (isTree(tree) && name in tree) yield* valuesAt(tree[name], rest, [...path, name])
}

/** Sets a value, making the tables on the way. Does nothing where something else than a table is in the way. */
export function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  let current = tree
  for (const part of path.slice(0, -1)) {
    const next = current[part] ?? (Object.create(null) as Tree)
    if (!isTree(next)) return
    current[part] = next
    current = next
  }
  const last = path.at(-1)
  if (last !== undefined) current[last] = value
}

/** Takes a value out and gives it back; tables that it leaves empty go too. `undefined` where there is none. */
export function takeAt(tree: Tree, path: readonly string[]): unknown {
  const [first, ...rest] = path
  if (first === undefined) return undefined
  const child = tree[first]
  if (rest.length === 0) {
    delete tree[first]
    return child
  }
  if (!isTree(child)) return undefined
  const taken = takeAt(child, rest)
  if (taken !== undefined && Object.keys(child).length === 0) delete tree[first]
  return taken
}
