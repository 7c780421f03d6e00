export type { Api, BasicCredentials, Cors, Endpoint, Endpoints, Resource, ScopeAlternatives, Transport } from './api.js'
export type { ApiEntry } from './api-entry.js'
export { type LoadedApis, type LoadOptions, loadApis } from './load.js'
export { DefinitionError, type DefinitionProblem, formatProblem } from './problem.js'
export {
  type Ambiguous,
  type Match,
  type MethodNotAllowed,
  type NoApi,
  type NoResource,
  type Route,
  RouteTable,
} from './route-table.js'
export { upstreamPath } from './upstream-path.js'
