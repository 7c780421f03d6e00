import { type Environment, Secret } from '../../config/index.js'
import type { BasicCredentials, Endpoint, Endpoints } from '../api.js'
import { readAdvanceEndpointConfig } from './advance-endpoint-config.js'
import type { DefinitionNode } from './node.js'

/** Which tokens endpoints serve, as WSO2's environment variables abbreviate it. */
export type EndpointKind = 'prod' | 'sand'

const REFERENCE = '#/x-wso2-endpoints/'
const TYPES = new Map<string, Endpoints['type']>([
  ['http', 'http'],
  ['load_balance', 'load_balance'],
  ['loadbalance', 'load_balance'],
  ['failover', 'failover'],
])
const KEYS = new Set(['urls', 'type', 'name', 'securityConfig', 'advanceEndpointConfig'])
/**
 * Reads `x-wso2-production-endpoints` or `x-wso2-sandbox-endpoints`: a map, or a reference to one by name.
 *
 * URLs, user name and password may hold `$env{NAME}`. For endpoints with a name, WSO2's environment variables
 * win: `<name>_prod_endpoint_0`, `<name>_prod_basic_username`, `<name>_prod_basic_password` (and `sand`).
 */
export function readEndpoints(
  node: DefinitionNode,
  kind: EndpointKind,
  api: DefinitionNode,
  environment: Environment,
): Endpoints | undefined {
  if (!node.exists) return undefined
  if (typeof node.value !== 'string') return readMap(node, undefined, environment)
  const name = node.value.startsWith(REFERENCE) ? node.value.slice(REFERENCE.length) : undefined
  const target = name === undefined ? undefined : namedEndpoints(api, name)
  if (target !== undefined) return readMap(target, `${name}_${kind}`, environment)
  node.error(`${node.name}: endpoints not found in x-wso2-endpoints`, `write the reference as "${REFERENCE}<name>"`)
  return undefined
}

/** Endpoints declared by a list of URLs. Each invalid URL is reported to `fault`. */
export function endpointsOf(urls: readonly string[], fault: (message: string) => void): Endpoints | undefined {
  const endpoints = urls.map(parseEndpointUrl)
  for (const endpoint of endpoints) if (typeof endpoint === 'string') fault(endpoint)
  const [first, ...rest] = endpoints.filter((endpoint): endpoint is Endpoint => typeof endpoint !== 'string')
  if (first === undefined || rest.length + 1 < urls.length) return undefined
  const type = rest.length === 0 ? 'http' : 'load_balance'
  return { type, urls: [first, ...rest], credentials: undefined, timeout: undefined }
}

function namedEndpoints(api: DefinitionNode, name: string): DefinitionNode | undefined {
  return api
    .get('x-wso2-endpoints')
    .items()
    .map((item) => item.get(name))
    .find((endpoints) => endpoints.exists)
}

function readMap(node: DefinitionNode, variable: string | undefined, environment: Environment): Endpoints | undefined {
  for (const [key, entry] of node.entries()) {
    if (!KEYS.has(key)) entry.warn(`${key} is unknown and has no effect`, `endpoints have ${[...KEYS].join(', ')}`)
  }
  const urls = readUrls(node, variable, environment)
  const plain = urls && endpointsOf(urls, (message) => node.get('urls').error(message))
  const credentials = readCredentials(node.get('securityConfig'), variable, environment)
  const advanced = readAdvanceEndpointConfig(node.get('advanceEndpointConfig'))
  if (plain === undefined) return undefined
  return { ...plain, type: readType(node.get('type'), plain), credentials, ...advanced }
}

function readUrls(node: DefinitionNode, variable: string | undefined, environment: Environment): string[] | undefined {
  const items = node.get('urls').items()
  const missing = node.value instanceof Map && !node.get('urls').exists
  if (missing || (Array.isArray(node.get('urls').value) && items.length === 0)) node.error(`${node.name} has no urls`)
  const urls = items.map((item, at) => {
    const override = variable === undefined ? undefined : environment[`${variable}_endpoint_${at}`]
    if (override !== undefined) return override
    const text = item.string()
    return text === undefined ? undefined : substitute(item, text, environment)
  })
  const read = urls.filter((url) => url !== undefined)
  return read.length === 0 || read.length < items.length ? undefined : read
}

function readType(node: DefinitionNode, plain: Endpoints): Endpoints['type'] {
  const text = node.string()
  if (text === undefined) return plain.type
  const type = TYPES.get(text.toLowerCase())
  if (type === undefined) node.error('endpoint type must be http, load_balance or failover')
  if (type === 'http' && plain.urls.length > 1) node.error('endpoints of type http must have one URL')
  return type ?? plain.type
}

function readCredentials(
  node: DefinitionNode,
  variable: string | undefined,
  environment: Environment,
): BasicCredentials | undefined {
  if (!node.exists) return undefined
  const type = node.get('type').string()
  if (type !== undefined && type.toLowerCase() !== 'basic') {
    node.get('type').error('endpoint security must be basic: other types are not supported')
    return undefined
  }
  const read = (key: 'username' | 'password') => {
    const override = variable === undefined ? undefined : environment[`${variable}_basic_${key}`]
    const text = override ?? node.get(key).text()
    if (text === undefined) {
      const named = variable === undefined ? '' : ` or in the environment variable ${variable}_basic_${key}`
      node.error(`${node.name} has no ${key}`, `set it there, for instance as $env{NAME}${named}`)
    }
    return text === undefined || override !== undefined ? text : substitute(node.get(key), text, environment)
  }
  const username = read('username')
  const password = read('password')
  if (username?.includes(':')) node.get('username').error('user name must not contain a colon (RFC 7617)')
  return username === undefined || password === undefined ? undefined : { username, password: new Secret(password) }
}

const PROTOCOLS = new Map([
  ['http:', 'http:'],
  ['https:', 'https:'],
  ['ws:', 'http:'],
  ['wss:', 'https:'],
])

/** Reads an upstream's URL, or says what is wrong with it, without repeating it: it may hold a password. */
export function parseEndpointUrl(text: string): Endpoint | string {
  if (/^\s*etcd\s*\(/.test(text)) return 'endpoints in etcd are not supported'
  if (/[\s\\]/.test(text) || !URL.canParse(text)) return 'endpoint must be an absolute URL'
  const url = new URL(text)
  const protocol = PROTOCOLS.get(url.protocol)
  if (protocol === undefined) return 'endpoint URL must be ws:, wss:, http: or https:'
  if (url.username !== '' || url.password !== '') return 'endpoint URL must not hold credentials: set securityConfig'
  if (text.includes('#')) return 'endpoint URL must not have a fragment'
  const pathname = url.pathname.replace(/\/$/, '')
  if (pathname.includes('//')) return 'endpoint URL must not have empty path segments'
  const query = url.search.slice(1)
  return { origin: `${protocol}//${url.host}`, pathname, ...(query === '' ? {} : { query }) }
}

const VARIABLE = /\$env\{([^{}]*)\}/g

/** A text with each `$env{NAME}` replaced by that variable. One that is not set is a problem. */
function substitute(node: DefinitionNode, text: string, environment: Environment): string | undefined {
  const missing: string[] = []
  const result = text.replace(VARIABLE, (_, name: string) => {
    const value = environment[name]
    if (value === undefined) missing.push(name)
    return value ?? ''
  })
  if (missing.length === 0) return result
  node.error(`the environment variable ${missing.join(', ')} is not set`)
  return undefined
}
