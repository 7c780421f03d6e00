import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Api, Endpoint, Resource } from './api.js'

export type { Api, Endpoint, Resource } from './api.js'
export { type Match, RouteTable } from './route-table.js'
export { upstreamPath } from './upstream-path.js'
export async function loadApis(directory: string, _apis: unknown): Promise<{ apis: Api[]; warnings: string[] }> {
  const apis = readdirSync(directory).map((file) => {
    const doc = parse(readFileSync(join(directory, file), 'utf8'))
    const urls = doc['x-wso2-production-endpoints'].urls.map((u: string) => ({
      origin: new URL(u).origin,
      pathname: new URL(u).pathname.replace(/\/$/, ''),
    })) as [Endpoint]
    const basePath = doc['x-wso2-basePath']
    const resources: Resource[] = []
    for (const [path, item] of Object.entries(doc.paths))
      for (const [method, op] of Object.entries(item as object))
        resources.push({
          method: method.toUpperCase(),
          template: path,
          fullTemplate: basePath + path,
          basePathLength: basePath.length,
          secured: op['x-wso2-disable-security'] !== true,
          scopes: [],
          production: { type: 'http', urls, credentials: undefined, timeout: undefined },
          sandbox: undefined,
        })
    return {
      name: doc.info.title,
      version: '1',
      basePath,
      resources,
      authHeader: undefined,
      transports: ['http', 'https'],
      cors: undefined,
      file,
    } as Api
  })
  return { apis, warnings: [] }
}
