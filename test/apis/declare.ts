import type { Api, Resource } from '../../src/apis/api.js'

/** An API for tests of routing: each resource is written as `GET /pet/{petId}`. */
export function declareApi(basePath: string, ...operations: string[]): Api {
  const endpoints = {
    type: 'http' as const,
    urls: [{ origin: 'http://localhost:9080', pathname: '/v1' }] as const,
    credentials: undefined,
    timeout: undefined,
  }
  const resources = operations.map((operation): Resource => {
    const [method = '', template = ''] = operation.split(' ')
    return {
      method,
      template,
      fullTemplate: basePath + template,
      basePathLength: basePath.length,
      secured: true,
      scopes: [],
      unserved: undefined,
      encodedSlash: false,
      production: endpoints,
      sandbox: undefined,
    }
  })
  return {
    name: `api at ${basePath}`,
    version: '1',
    basePath,
    resources,
    authHeader: undefined,
    transports: ['http', 'https'],
    cors: undefined,
    strictUpstream: false,
    file: 'declared by a test',
  }
}
