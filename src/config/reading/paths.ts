import { access, constants, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { hasCode } from '../../error-code.js'
import type { ConfigProblem } from '../problems/error.js'
import { type SchemaNode, schemaTree } from '../schema/keys.js'
import { type Path, pathText } from './tree.js'

/** WSO2's name for the directory above the configuration file's. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: WSO2 writes it so
const HOME = '${mgw-runtime.home}'
/** Its runtime directory, in WSO2's 3.0. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: WSO2 writes it so
const BALLERINA_HOME = '${ballerina.home}'

/**
 * Makes every path in `config` absolute: relative ones stand beside the configuration file, `${mgw-runtime.home}` is the
 * directory above that, and `${ballerina.home}` the directory `runtime` in the latter. Gives those of files by their keys, for {@link missingFiles}.
 */
export function resolvePaths(config: object, file: string, problems: ConfigProblem[]): ReadonlyMap<string, string> {
  const directory = dirname(resolve(file))
  const files = new Map<string, string>()
  for (const { path, table, name, isFile } of namedPaths(config, schemaTree, [])) {
    const written = table[name]
    if (typeof written !== 'string') continue
    const home = dirname(directory)
    const expanded = written.replaceAll(HOME, () => home).replaceAll(BALLERINA_HOME, () => join(home, 'runtime'))
    const placeholder = /\$\{[A-Za-z0-9_.-]{0,64}\}/.exec(expanded)?.[0]
    if (placeholder !== undefined) {
      const message = `unknown placeholder ${placeholder}`
      problems.push({ path: pathText(path), message, remedy: `only ${HOME} is supported` })
    } else if (expanded.includes('\0')) {
      problems.push({ path: pathText(path), message: 'is not a path' })
    } else {
      table[name] = resolve(directory, expanded)
      if (isFile) files.set(pathText(path), resolve(directory, expanded))
    }
  }
  return files
}

/** A problem for each of `files` that is not there, or may not be read. */
export async function missingFiles(files: ReadonlyMap<string, string>): Promise<ConfigProblem[]> {
  const checked = [...files].map(async ([path, file]): Promise<ConfigProblem | undefined> => {
    try {
      if (!(await stat(file)).isFile()) return { path, message: `is not a file: ${file}` }
      await access(file, constants.R_OK)
      return undefined
    } catch (error) {
      const message = hasCode(error, 'ENOENT') ? 'file not found' : 'file is not readable'
      return { path, message: `${message}: ${file}` }
    }
  })
  return (await Promise.all(checked)).filter((each) => each !== undefined)
}

interface NamedPath {
  readonly path: Path
  readonly table: Record<string, unknown>
  readonly name: string
  readonly isFile: boolean
}

function* namedPaths(value: unknown, node: SchemaNode, path: Path): Generator<NamedPath> {
  if (node.item !== undefined && Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* namedPaths(item, node.item, [...path, index])
  }
  if (typeof value !== 'object' || value === null) return
  const table = value as Record<string, unknown>
  for (const [name, child] of node.keys) {
    const here = [...path, name]
    const { kind } = child.note
    if (kind === 'path' || kind === 'file') yield { path: here, table, name, isFile: kind === 'file' }
    else yield* namedPaths(table[name], child, here)
  }
}
