import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
export interface Endpoint {
  readonly origin: string
  readonly pathname: string
}
export interface Endpoints {
  readonly urls: readonly Endpoint[]
}
export interface Api {
  name: string
  basePath: string
  authHeader?: string
  resources: Resource[]
}
export interface Resource {
  api: Api
  method: string
  path: string
  secured: boolean
  scopes: string[][]
  production?: Endpoints
  sandbox?: Endpoints
  re: RegExp
}
export interface Match {
  kind: 'match'
  resource: Resource
}
export class RouteTable {
  constructor(readonly_apis: readonly Api[]) {
    this.apis = readonly_apis
  }
  apis: readonly Api[]
  find(method: string, path: string): Match | { kind: 'no-api' | 'no-resource' | 'method-not-allowed' | 'ambiguous' } {
    for (const api of this.apis) {
      if (!path.startsWith(`${api.basePath}/`)) continue
      const rest = path.slice(api.basePath.length)
      const found = api.resources
        .filter((r) => r.re.test(rest))
        .sort((a, b) => a.path.split('{').length - b.path.split('{').length)
      if (found.length === 0) return { kind: 'no-resource' }
      const resource = found.find((r) => r.method === method)
      return resource === undefined ? { kind: 'method-not-allowed' } : { kind: 'match', resource }
    }
    return { kind: 'no-api' }
  }
}
export function upstreamPath(resource: Resource, endpoint: Endpoint, target: { path: string; query: string }): string {
  return endpoint.pathname + target.path.slice(resource.api.basePath.length) + target.query
}
export async function loadApis(directory: string, _apis: unknown): Promise<{ apis: Api[]; warnings: string[] }> {
  const apis = readdirSync(directory).map((file) => {
    const doc = parse(readFileSync(join(directory, file), 'utf8'))
    const urls = doc['x-wso2-production-endpoints'].urls.map((u: string) => new URL(u))
    const api: Api = { name: doc.info.title, basePath: doc['x-wso2-basePath'], resources: [] }
    for (const [path, item] of Object.entries(doc.paths))
      for (const method of Object.keys(item as object))
        api.resources.push({
          api,
          method: method.toUpperCase(),
          path,
          secured: true,
          scopes: [],
          production: { urls },
          re: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`),
        })
    return api
  })
  return { apis, warnings: [] }
}
