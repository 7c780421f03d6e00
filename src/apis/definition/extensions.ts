import { nearest } from '../../config/index.js'
import type { DefinitionNode } from './node.js'
import type { DefinitionProblem } from './problem.js'

/** Where in a definition an extension stands. */
export type Level = 'the API' | 'a path' | 'an operation'

interface Extension {
  readonly levels: readonly Level[]
  /** Ignoring it where it stands would take protection away. */
  readonly protective: boolean
  /** What is done about it where it belongs: read, passed over, passed over with a warning, or nothing there is served. */
  readonly support: 'read' | 'silent' | 'warned' | 'unserved'
}

const API: readonly Level[] = ['the API']
const BOTH: readonly Level[] = ['the API', 'an operation']
const EVERYWHERE: readonly Level[] = ['the API', 'a path', 'an operation']

/** WSO2's extensions, of Microgateway 3.2, and the gateway's own. */
const EXTENSIONS = new Map<string, Extension>([
  ['x-wso2-basePath', { levels: API, protective: false, support: 'read' }],
  ['x-wso2-production-endpoints', { levels: BOTH, protective: false, support: 'read' }],
  ['x-wso2-sandbox-endpoints', { levels: BOTH, protective: false, support: 'read' }],
  ['x-wso2-endpoints', { levels: API, protective: false, support: 'read' }],
  ['x-wso2-disable-security', { levels: BOTH, protective: false, support: 'read' }],
  ['x-wso2-application-security', { levels: BOTH, protective: true, support: 'read' }],
  ['x-wso2-auth-header', { levels: API, protective: true, support: 'read' }],
  ['x-wso2-transports', { levels: API, protective: true, support: 'read' }],
  ['x-wso2-mutual-ssl', { levels: API, protective: true, support: 'read' }],
  ['x-wso2-cors', { levels: API, protective: false, support: 'read' }],
  ['x-mgw-strict-upstream', { levels: API, protective: false, support: 'read' }],
  ['x-mgw-encoded-slash', { levels: EVERYWHERE, protective: false, support: 'read' }],
  ['x-wso2-owner', { levels: API, protective: false, support: 'silent' }],
  ['x-wso2-throttling-tier', { levels: BOTH, protective: false, support: 'warned' }],
  ['x-throttling-tier', { levels: BOTH, protective: false, support: 'warned' }],
  ['x-wso2-response-cache', { levels: API, protective: false, support: 'warned' }],
  // An interceptor may hold a check, or hide part of an answer: an API without it is not the same API.
  ['x-wso2-request-interceptor', { levels: BOTH, protective: true, support: 'unserved' }],
  ['x-wso2-response-interceptor', { levels: BOTH, protective: true, support: 'unserved' }],
])

/**
 * Says what of the extensions at `node` is not honoured: an error if that could cost protection, else a warning. Returns
 * why nothing there can be served, if one that is not supported may protect it.
 */
export function checkExtensions(node: DefinitionNode, level: Level): DefinitionProblem | undefined {
  if (!(node.value instanceof Map)) return undefined
  let unserved: DefinitionProblem | undefined
  for (const [name, extension] of node.entries()) {
    const known = EXTENSIONS.get(name)
    if (known !== undefined) {
      const problem = checkKnown(extension, known, level)
      unserved ??= problem
    } else if (/^x-(?:wso2|mgw)-/i.test(name)) checkUnknown(extension)
  }
  return unserved
}

function checkKnown(node: DefinitionNode, extension: Extension, level: Level): DefinitionProblem | undefined {
  const { levels, protective, support } = extension
  const misplaced = !levels.includes(level)
  if (misplaced && protective) {
    node.error(`${node.name} has no effect on ${level}`, `move it to ${levels.join(' or ')}`)
  } else if (misplaced) {
    node.warnOnce(`${node.name} has no effect on ${level}`, `move it to ${levels.join(' or ')}`)
  } else if (support === 'unserved') {
    const remedy = 'move its work to the upstream, and remove it'
    return node.problem(`${node.name} is not supported, and the API may depend on it`, remedy)
  } else if (support === 'warned') {
    node.warnOnce(`${node.name} is not supported and has no effect`)
  }
  return undefined
}

/** A slip in the name of one that protects is an error. */
function checkUnknown(node: DefinitionNode): void {
  const known = nearest(node.name, EXTENSIONS.keys())
  const remedy = known === undefined ? undefined : `did you mean ${known}?`
  if (known !== undefined && EXTENSIONS.get(known)?.protective) node.error(`${node.name} is unknown`, remedy)
  else node.warnOnce(`${node.name} is unknown and has no effect`, remedy)
}
