import type { Environment } from '../../config/index.js'
import type { Api } from '../api.js'
import { normalizeBasePath } from '../routing/path-template.js'
import { endpointsOf } from './endpoints.js'
import { type ApiOverrides, readApi } from './openapi.js'
import type { Report } from './problem.js'
import { readDefinition } from './source.js'

/**
 * An `[[apis]]` entry of the configuration: an API without an OpenAPI definition, or overrides for one that has it.
 * `endpoints` are production endpoints; several share the load.
 */
export interface ApiEntry {
  readonly name?: string | undefined
  readonly basePath?: string | undefined
  readonly endpoints?: readonly string[] | undefined
  /** Path of a definition. It is not loaded from the directory of definitions once more. */
  readonly definition?: string | undefined
  /** The upstream tells paths apart by every character; if not given, the definition says whether it does. */
  readonly strictUpstream?: boolean | undefined
  /** Values in paths may hold escaped slashes; if not given, the definition says where they may. */
  readonly encodedSlash?: boolean | undefined
}

/** Reads an entry, and the definition that it names. `where` is said in messages about it. */
export async function readEntry(
  entry: ApiEntry,
  where: { file: string; name: string },
  environment: Environment,
  report: Report,
): Promise<Api | undefined> {
  const fault = (message: string) => report.error({ file: where.file, message: `${where.name}: ${message}` })
  const overrides = readOverrides(entry, fault)
  if (entry.definition === undefined) return wildcardApi(overrides, where.file, fault)
  const source = await readDefinition(entry.definition, report)
  return source && readApi(source, environment, overrides)
}

function readOverrides(
  { name, basePath, endpoints, strictUpstream, encodedSlash }: ApiEntry,
  fault: (message: string) => void,
): ApiOverrides {
  if (endpoints?.length === 0) fault('endpoints is empty')
  const production = endpoints === undefined ? undefined : endpointsOf(endpoints, fault)
  return {
    ...(name === undefined ? {} : { name }),
    ...(basePath === undefined ? {} : { basePath }),
    ...(production === undefined ? {} : { production }),
    ...(strictUpstream === undefined ? {} : { strictUpstream }),
    ...(encodedSlash === undefined ? {} : { encodedSlash }),
  }
}

/** An API without a definition: every path below its base path, by any method, with a token. */
function wildcardApi(overrides: ApiOverrides, file: string, fault: (message: string) => void): Api | undefined {
  const { name, production } = overrides
  const basePath = overrides.basePath === undefined ? undefined : normalizeBasePath(overrides.basePath, '')
  if (name === undefined) fault('name is missing')
  if (basePath === undefined) fault('basePath is missing or invalid (example: /petstore/v1)')
  if (production === undefined) fault('no usable endpoints')
  if (name === undefined || basePath === undefined || production === undefined) return undefined
  const template = '/*'
  const everything = {
    method: '*',
    template,
    fullTemplate: basePath + template,
    basePathLength: basePath.length,
    secured: true,
    scopes: [],
    unserved: undefined,
    encodedSlash: overrides.encodedSlash ?? false,
    production,
    sandbox: undefined,
  }
  return {
    name,
    version: '',
    basePath,
    resources: [everything],
    authHeader: undefined,
    transports: ['http', 'https'],
    cors: undefined,
    strictUpstream: overrides.strictUpstream ?? false,
    file,
  }
}
