import type { Endpoints } from '../api.js'
import { endpointsOf } from './endpoints.js'
import type { DefinitionNode } from './node.js'

/** What a plain definition says of where the API is: `servers` (OpenAPI 3), or host, basePath, schemes (Swagger 2). */
export interface Server {
  readonly node: DefinitionNode
  /** An absolute URL, or just a path where the definition names no host. */
  readonly url: string
}

/** The first of the servers; OpenAPI means the others as alternatives to it (staging, say), so they get no requests. */
export function readServer(node: DefinitionNode): Server | undefined {
  const servers = node.get('servers')
  const [first, ...others] = servers.items()
  const text = first?.get('url').string()
  if (first === undefined || text === undefined) return undefined
  const variables = first.get('variables')
  const url = text.replace(
    /\{([^{}]*)\}/g,
    (_, name: string) => variables.get(name).get('default').text() ?? `{${name}}`,
  )
  if (/[{}]/.test(url)) {
    first.get('url').error('server variable has no default')
    return undefined
  }
  if (others.length > 0)
    servers.warnOnce('only the first of several servers is used', 'use x-wso2-production-endpoints for several')
  return { node: first.get('url'), url }
}

/** As {@link readServer}, of a definition as a whole and of either version. */
export function readApiServer(definition: DefinitionNode): Server | undefined {
  if (!definition.get('swagger').exists) return readServer(definition)
  const host = definition.get('host')
  const basePath = definition.get('basePath').string() ?? ''
  if (!host.exists) return basePath === '' ? undefined : { node: definition.get('basePath'), url: basePath }
  const schemes = definition.get('schemes').strings()
  const scheme = schemes.includes('https') || schemes.length === 0 ? 'https' : (schemes[0] ?? 'https')
  return { node: host, url: `${scheme}://${host.string() ?? ''}${basePath}` }
}

/** The path of a server's URL. */
export function serverPath({ url }: Server): string {
  return URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost').pathname : ''
}

/** The server as an endpoint, unless it is only a path. */
export function serverEndpoints({ node, url }: Server): Endpoints | undefined {
  return url.startsWith('/') ? undefined : endpointsOf([url], (message) => node.error(message))
}
