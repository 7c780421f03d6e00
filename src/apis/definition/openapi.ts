import type { Environment } from '../../config/index.js'
import type { Api, Endpoints, Resource } from '../api.js'
import { normalizeBasePath, parseTemplate, writableTemplate } from '../routing/path-template.js'
import {
  checkMutualTls,
  readAuthHeader,
  readCors,
  readEncodedSlash,
  readStrictUpstream,
  readTransports,
} from './api-settings.js'
import { readEndpoints } from './endpoints.js'
import { checkExtensions } from './extensions.js'
import { DefinitionNode } from './node.js'
import { readProtection } from './security.js'
import { readApiServer, readServer, serverEndpoints, serverPath } from './servers.js'
import type { DefinitionSource } from './source.js'

/** What an `[[apis]]` entry says in place of the definition that it names. */
export interface ApiOverrides {
  readonly name?: string
  /** As `x-wso2-basePath` would have it. */
  readonly basePath?: string
  /** The API's production endpoints. Those of single operations stay. */
  readonly production?: Endpoints
  /** As `x-mgw-strict-upstream` would have it. */
  readonly strictUpstream?: boolean
  /** As `x-mgw-encoded-slash` would have it at the top. Single paths and operations have their own word. */
  readonly encodedSlash?: boolean
}

const NO_ENDPOINT_REMEDY =
  'add x-wso2-production-endpoints to the API or the operation, or name the file and endpoints in [[apis]]'
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

/** Reads an OpenAPI 3 or Swagger 2 definition. What is wrong with it goes to the source's report. */
export function readApi(
  source: DefinitionSource,
  environment: Environment,
  overrides: ApiOverrides = {},
): Api | undefined {
  const definition = DefinitionNode.root(source)
  if (!isDefinition(definition)) return undefined
  const extension = checkExtensions(definition, 'the API')
  const unserved = checkMutualTls(definition) ?? extension
  const version = definition.get('info').get('version').text() ?? ''
  const basePath = readBasePath(definition, version, overrides.basePath)
  const resources = readResources(definition, basePath, overrides, environment)
  return {
    name: overrides.name ?? definition.get('info').get('title').text() ?? source.file,
    version,
    basePath,
    resources: unserved === undefined ? resources : resources.map((resource) => ({ ...resource, unserved })),
    authHeader: readAuthHeader(definition),
    transports: readTransports(definition),
    cors: readCors(definition),
    strictUpstream: overrides.strictUpstream ?? readStrictUpstream(definition),
    file: source.file,
  }
}

function isDefinition(definition: DefinitionNode): boolean {
  const version = definition.get('openapi').text() ?? definition.get('swagger').text()
  if (version !== undefined && /^(?:3\.\d|2\.0)/.test(version)) return true
  definition.error('not an OpenAPI 3 or Swagger 2 definition', 'start it with "openapi: 3.x" or "swagger: \'2.0\'"')
  return false
}

function readBasePath(definition: DefinitionNode, version: string, override: string | undefined): string {
  const extension = definition.get('x-wso2-basePath')
  const server = extension.exists || override !== undefined ? undefined : readApiServer(definition)
  const text = override ?? extension.string() ?? (server === undefined ? '' : serverPath(server))
  const basePath = normalizeBasePath(override === undefined ? asBasePath(text) : text, version)
  if (basePath === undefined) {
    const node = extension.exists ? extension : (server?.node ?? definition)
    node.error('base path must be / and plain segments, such as /petstore/v1', '{version} is info.version')
  }
  return basePath ?? ''
}

/** As definitions write it: with a wildcard behind it (`/*`), or without the slash before it. */
function asBasePath(text: string): string {
  const path = text.replace(/\/\*$/, '')
  return path === '' || path.startsWith('/') ? path : `/${path}`
}

interface EndpointPair {
  readonly production: Endpoints | undefined
  readonly sandbox: Endpoints | undefined
}

function apiEndpoints(definition: DefinitionNode, environment: Environment, overrides: ApiOverrides): EndpointPair {
  const declared = pairAt(definition, definition, environment)
  if (overrides.production !== undefined) return { ...declared, production: overrides.production }
  const anyDeclared =
    definition.get('x-wso2-production-endpoints').exists || definition.get('x-wso2-sandbox-endpoints').exists
  const server = anyDeclared ? undefined : readApiServer(definition)
  return server === undefined ? declared : { ...declared, production: serverEndpoints(server) }
}

function pairAt(node: DefinitionNode, api: DefinitionNode, environment: Environment): EndpointPair {
  return {
    production: readEndpoints(node.get('x-wso2-production-endpoints'), 'prod', api, environment),
    sandbox: readEndpoints(node.get('x-wso2-sandbox-endpoints'), 'sand', api, environment),
  }
}

function readResources(
  definition: DefinitionNode,
  basePath: string,
  overrides: ApiOverrides,
  environment: Environment,
): Resource[] {
  const ofApi = apiEndpoints(definition, environment, overrides)
  const slashOfApi = overrides.encodedSlash ?? readEncodedSlash([definition]) ?? false
  const paths = definition.get('paths')
  if (!paths.exists) checkPathless(definition)
  const seen = new Map<string, string>()
  return paths.entries().flatMap(([text, entry]) => {
    if (text.startsWith('x-')) return []
    const path = readTemplate(text, entry)
    const items = itemsOf(entry)
    if (path === undefined) return []
    for (const item of items) checkExtensions(item, 'a path')
    return items.flatMap(operationsOf).flatMap(([method, operation]) => {
      const key = `${method} ${path.shape}`
      const twin = seen.get(key)
      seen.set(key, text)
      if (twin !== undefined)
        operation.error(`duplicate operation: ${method} ${text} matches the same paths as ${method} ${twin}`)
      if (twin !== undefined) return []
      const endpoints = operationEndpoints(items, operation, definition, ofApi, environment)
      const encodedSlash = readEncodedSlash([operation, ...items]) ?? slashOfApi
      return [{ ...readResource(definition, operation, method, path.template, basePath, endpoints), encodedSlash }]
    })
  })
}

function readTemplate(text: string, entry: DefinitionNode): { template: string; shape: string } | undefined {
  const template = writableTemplate(text)
  const parsed = parseTemplate(template ?? text)
  if (typeof parsed === 'string') entry.error(`${parsed}: ${text}`)
  else if (template !== undefined) return { template, shape: parsed.shape }
  else entry.error(`no accepted request can have this path: ${text}`)
  return undefined
}

/** Since 3.1 a definition may describe nothing but webhooks, or parts for other definitions. */
function checkPathless(definition: DefinitionNode): void {
  const others = ['webhooks', 'components'].some((key) => definition.get(key).exists)
  if (others && definition.get('openapi').exists) definition.warn('there are no paths, so nothing is served')
  else definition.error('paths is missing')
}

/** A path, and what it refers to: operations may stand beside a `$ref`, but not in both places. */
function itemsOf(entry: DefinitionNode): DefinitionNode[] {
  if (!(entry.value instanceof Map)) entry.entries() // says so
  const items = entry.references()
  for (const key of [...METHODS, 'servers']) {
    const [first, second] = items.filter((item) => item.get(key).exists)
    if (second !== undefined) first?.get(key).error(`${key} is beside a $ref, and in what it refers to`, 'remove one')
  }
  return items
}

function operationsOf(item: DefinitionNode): [method: string, operation: DefinitionNode][] {
  for (const key of ['query', 'additionalOperations']) {
    if (item.get(key).exists) item.get(key).warnOnce(`${key} is not supported: no such request is served`)
  }
  for (const [name, entry] of item.value instanceof Map ? item.entries() : []) {
    const method = name.toLowerCase()
    if (name !== method && METHODS.includes(method)) entry.error(`${name} is not read`, `write ${method}`)
  }
  const operations = METHODS.map((method): [string, DefinitionNode] => [method.toUpperCase(), item.get(method)])
  return operations.filter(([, operation]) => {
    if (!operation.exists || operation.value instanceof Map) return operation.exists
    operation.error('an operation must be a map')
    return false
  })
}

function operationEndpoints(
  items: readonly DefinitionNode[],
  operation: DefinitionNode,
  definition: DefinitionNode,
  ofApi: EndpointPair,
  environment: Environment,
): EndpointPair {
  const own = pairAt(operation, definition, environment)
  const server = [operation, ...items].map(readServer).find((server) => server !== undefined)
  const endpoints = {
    production: own.production ?? (server === undefined ? undefined : serverEndpoints(server)) ?? ofApi.production,
    sandbox: own.sandbox ?? ofApi.sandbox,
  }
  const declared = [operation, ...items, definition].some(declaresEndpoints)
  if (!declared && endpoints.production === undefined && endpoints.sandbox === undefined) {
    operation.error('no endpoint', NO_ENDPOINT_REMEDY)
  }
  return endpoints
}

/** Whether endpoints are declared: if they could not be read, that has been reported already. */
function declaresEndpoints(node: DefinitionNode): boolean {
  const read = ['x-wso2-production-endpoints', 'x-wso2-sandbox-endpoints']
  if (read.some((key) => node.get(key).exists)) return true
  const server = node.path.length === 0 ? readApiServer(node) : readServer(node)
  return server !== undefined && !server.url.startsWith('/')
}

function readResource(
  definition: DefinitionNode,
  operation: DefinitionNode,
  method: string,
  template: string,
  basePath: string,
  endpoints: EndpointPair,
): Omit<Resource, 'encodedSlash'> {
  const place = { method, template, fullTemplate: basePath + template, basePathLength: basePath.length }
  const unserved = checkExtensions(operation, 'an operation')
  const protection = readProtection(definition, operation)
  return { ...place, ...protection, ...endpoints, unserved: unserved ?? protection.unserved }
}
