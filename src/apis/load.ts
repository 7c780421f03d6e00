import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Environment } from '../config/index.js'
import { codeOf, hasCode } from '../error-code.js'
import type { Api, Resource } from './api.js'
import { type ApiEntry, readEntry } from './definition/api-entry.js'
import { readApi } from './definition/openapi.js'
import { DefinitionError, type DefinitionProblem, Report } from './definition/problem.js'
import { readDefinition } from './definition/source.js'
import { checkEncodedSlashes } from './routing/encoded-slash.js'
import { reportConfusable } from './routing/report-confusable.js'
import { RouteTable } from './routing/route-table.js'
import { tellUnserved } from './unserved.js'

export interface LoadOptions {
  /** Every `*.yaml`, `*.yml` and `*.json` in it, but not below it, is a definition; or it is one. None, if not given. */
  readonly directory?: string | undefined
  readonly entries?: readonly ApiEntry[] | undefined
  /** The file that the entries are in, for messages. */
  readonly configFile?: string | undefined
  /** For `$env{NAME}` and WSO2's overrides; `process.env` if not given. */
  readonly environment?: Environment | undefined
  /** Refuse what asks for credentials that are not checked, instead of not serving it. */
  readonly strictSecurity?: boolean | undefined
}

export interface LoadedApis {
  readonly apis: readonly Api[]
  readonly warnings: readonly DefinitionProblem[]
  readonly notes: readonly DefinitionProblem[]
}

const DEFINITION_FILE = /^[^.].*\.(?:yaml|yml|json)$/i

/** Loads all APIs, or rejects with one {@link DefinitionError} that lists all problems of all of them. */
export async function loadApis(options: LoadOptions): Promise<LoadedApis> {
  const report = new Report()
  const environment = options.environment ?? process.env
  const entries = options.entries ?? []
  const named = new Set(entries.flatMap(({ definition }) => (definition === undefined ? [] : [resolve(definition)])))
  const files = options.directory === undefined ? [] : await definitionFiles(options.directory, report)
  const apis: (Api | undefined)[] = []
  for (const file of files.filter((file) => !named.has(resolve(file)))) {
    const source = await readDefinition(file, report)
    apis.push(source && readApi(source, environment))
  }
  for (const [at, entry] of entries.entries()) {
    const where = { file: options.configFile ?? 'the configuration', name: `[[apis]] ${entry.name ?? at + 1}` }
    apis.push(await readEntry(entry, where, environment, report))
  }
  const loaded = apis.filter((api) => api !== undefined)
  checkBasePaths(loaded, report)
  tellUnserved(loaded, options.strictSecurity ?? false, report)
  if (report.errors.length > 0) throw new DefinitionError(report.errors)
  const shadowed = new Set(new RouteTable(loaded).shadowed)
  checkEncodedSlashes(loaded, shadowed, report)
  if (report.errors.length > 0) throw new DefinitionError(report.errors)
  warnOfShadowed(loaded, shadowed, report)
  reportConfusable(loaded, shadowed, report)
  return { apis: loaded, warnings: report.warnings, notes: report.notes }
}

async function definitionFiles(directory: string, report: Report): Promise<string[]> {
  try {
    const names = await readdir(directory)
    return names
      .filter((name) => DEFINITION_FILE.test(name))
      .sort()
      .map((name) => join(directory, name))
  } catch (error) {
    if (hasCode(error, 'ENOTDIR')) return [directory] // one definition
    const message = `reading failed: ${codeOf(error) ?? 'unknown error'}`
    report.error({ file: directory, message, remedy: 'set apiDefinitions to the directory of the API definitions' })
    return []
  }
}

function checkBasePaths(apis: readonly Api[], report: Report): void {
  const owners = new Map<string, Api>()
  for (const api of apis) {
    const owner = owners.get(api.basePath)
    const message = `duplicate base path ${api.basePath || '/'}: ${owner?.name} has it too (${owner?.file})`
    if (owner !== undefined)
      report.error({ file: api.file, message, remedy: 'give one of them another x-wso2-basePath' })
    owners.set(api.basePath, api)
  }
}

function warnOfShadowed(apis: readonly Api[], shadowed: ReadonlySet<Resource>, report: Report): void {
  for (const api of apis) {
    for (const { method, fullTemplate } of api.resources.filter((resource) => shadowed.has(resource))) {
      const message = `${method} ${fullTemplate} is never reached: another API has a longer base path that matches`
      report.warn({ file: api.file, message })
    }
  }
}
