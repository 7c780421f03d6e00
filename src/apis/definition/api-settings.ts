import { allowsEveryoneCredentials, type Cors, type CorsSettings, corsKey, corsOf } from '../../config/index.js'
import type { Transport } from '../api.js'
import type { DefinitionNode } from './node.js'
import type { DefinitionProblem } from './problem.js'

/** RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Headers that have another meaning: they can't carry a token. */
const TAKEN_HEADERS = new Set([
  'connection',
  'content-length',
  'cookie',
  'host',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const TRANSPORTS: readonly Transport[] = ['http', 'https']

/** `x-wso2-auth-header`: the header that carries the token, in lower case. */
export function readAuthHeader(api: DefinitionNode): string | undefined {
  const node = api.get('x-wso2-auth-header')
  const header = node.string()?.toLowerCase()
  if (header === undefined) return undefined
  if (!TOKEN.test(header) || TAKEN_HEADERS.has(header))
    node.error('x-wso2-auth-header must name a header without another meaning')
  return header
}

/** `x-wso2-transports`: all, if the list is absent or empty. */
export function readTransports(api: DefinitionNode): readonly Transport[] {
  const node = api.get('x-wso2-transports')
  const names = node.strings().map((name) => name.toLowerCase())
  const transports = TRANSPORTS.filter((transport) => names.includes(transport))
  if (transports.length < new Set(names).size) node.error('x-wso2-transports accepts http and https')
  return transports.length === 0 ? TRANSPORTS : transports
}

/** `x-mgw-strict-upstream`: the upstream tells paths apart by every character. */
export function readStrictUpstream(api: DefinitionNode): boolean {
  return api.get('x-mgw-strict-upstream').boolean() ?? false
}

/** `x-mgw-encoded-slash`: what the first of the places says that says anything, the operation, its path, the API. */
export function readEncodedSlash(places: readonly DefinitionNode[]): boolean | undefined {
  return places.map((place) => place.get('x-mgw-encoded-slash').boolean()).find((said) => said !== undefined)
}

/** `x-wso2-mutual-ssl`: why an API that depends on client certificates, which are not checked, cannot be served. */
export function checkMutualTls(api: DefinitionNode): DefinitionProblem | undefined {
  const node = api.get('x-wso2-mutual-ssl')
  if (!node.exists) return undefined
  const mode = String(node.value).toLowerCase()
  if (mode === 'mandatory')
    return node.problem('x-wso2-mutual-ssl is mandatory, and client certificates are not checked')
  if (mode === 'optional') node.warn('x-wso2-mutual-ssl is not supported and has no effect')
  else node.error('x-wso2-mutual-ssl must be mandatory or optional')
  return undefined
}

/** `x-wso2-cors`; there is none if it says `corsConfigurationEnabled: false`. */
export function readCors(api: DefinitionNode): Cors | undefined {
  const node = api.get('x-wso2-cors')
  if (!node.exists) return undefined
  const known = new Map<keyof CorsSettings, DefinitionNode>()
  for (const [written, entry] of node.entries()) {
    const key = corsKey(written)
    if (key === undefined) entry.warn(`${entry.name} is unknown and has no effect`)
    else known.set(key, entry)
  }
  const list = (key: keyof CorsSettings) => known.get(key)?.strings() ?? []
  const settings = {
    corsConfigurationEnabled: known.get('corsConfigurationEnabled')?.boolean() ?? true,
    accessControlAllowOrigins: list('accessControlAllowOrigins'),
    accessControlAllowCredentials: known.get('accessControlAllowCredentials')?.boolean() ?? false,
    accessControlAllowHeaders: list('accessControlAllowHeaders'),
    accessControlAllowMethods: list('accessControlAllowMethods'),
    accessControlExposeHeaders: list('accessControlExposeHeaders'),
  }
  const { accessControlAllowHeaders, accessControlAllowMethods, accessControlExposeHeaders } = settings
  if ([accessControlAllowHeaders, accessControlAllowMethods, accessControlExposeHeaders].flat().some(isNoToken)) {
    node.error('x-wso2-cors has an invalid header or method name')
  }
  if (allowsEveryoneCredentials(settings)) {
    node.warn(
      'allowing credentials for every origin (*) is not supported: credentials are not allowed',
      'list the origins',
    )
  }
  return corsOf(settings)
}

function isNoToken(name: string): boolean {
  return !TOKEN.test(name)
}
