import type { ScopeAlternatives } from '../api.js'
import type { DefinitionNode } from './node.js'
import type { DefinitionProblem } from './problem.js'

/** What a request to an operation must bring. */
export interface Protection {
  readonly secured: boolean
  readonly scopes: ScopeAlternatives
  /** Why the gateway cannot check it. Absent: it can. */
  readonly unserved: DefinitionProblem | undefined
}

/** A definition that multiplies alternatives beyond this was not written by hand. */
const MAX_ALTERNATIVES = 1_000
const OPEN: Protection = { secured: false, scopes: [], unserved: undefined }
const NOT_CHECKED = 'credentials that the gateway does not check'
const OPEN_REMEDY = 'x-wso2-disable-security: true opens it'
const TOKEN_REMEDY = 'x-wso2-application-security: {security-types: [oauth2]} asks for a token instead'
const REMEDY = `${TOKEN_REMEDY}; ${OPEN_REMEDY}`

/**
 * What protects an operation. Everything is protected by an access token unless `x-wso2-disable-security` (or WSO2 API
 * Manager's `x-auth-type: None`) says otherwise; the operation's word beats the API's.
 */
export function readProtection(api: DefinitionNode, operation: DefinitionNode): Protection {
  if (isOpen(operation) ?? isOpen(api) ?? false) return OPEN
  const security = operation.get('security').exists ? operation.get('security') : api.get('security')
  const requirements = security.items()
  const accepted = applicationSecurity(operation) ?? applicationSecurity(api)
  if (accepted !== undefined && accepted !== 'token') return closed(accepted)
  const usable = accepted ? tokenParts(api, requirements) : supportedRequirements(api, security, requirements)
  if (!Array.isArray(usable)) return closed(usable)
  // A requirement without scopes does not outvote one with scopes: WSO2 asks for a scope as soon as any is named.
  const scopes = usable.flat().filter((alternative) => alternative.length > 0)
  return { secured: true, scopes: withOperationScope(operation, scopes), unserved: undefined }
}

function closed(unserved: DefinitionProblem): Protection {
  return { secured: true, scopes: [], unserved }
}

function isOpen(node: DefinitionNode): boolean | undefined {
  const disabled = node.get('x-wso2-disable-security')
  if (disabled.exists) return disabled.boolean()
  return node.get('x-auth-type').value === 'None' ? true : undefined
}

/**
 * `x-wso2-application-security`: the kinds of credentials that are accepted, whatever `security` says of schemes. What
 * cannot be checked, if no kind can; `undefined` if it is not there or names no kinds.
 */
function applicationSecurity(node: DefinitionNode): 'token' | DefinitionProblem | undefined {
  const extension = node.get('x-wso2-application-security')
  if (!extension.exists) return undefined
  const types = extension.get('security-types').strings()
  if (extension.get('optional').boolean() === true) {
    return extension.problem(
      'x-wso2-application-security makes the access token optional, and the client certificate in its place is not checked',
      'remove "optional"',
    )
  }
  if (types.length === 0) return undefined
  const others = types.filter((type) => type !== 'oauth2' && type !== 'jwt')
  if (others.length === types.length) {
    return extension.problem(`x-wso2-application-security accepts only ${NOT_CHECKED}: ${others.join(', ')}`, REMEDY)
  }
  if (others.length > 0) {
    extension.warnOnce(`${others.join(', ')} is not supported: an access token is required instead`)
  }
  return 'token'
}

/** The scopes of each requirement that asks for tokens and nothing else; what cannot be checked if none does. */
function supportedRequirements(
  api: DefinitionNode,
  security: DefinitionNode,
  requirements: readonly DefinitionNode[],
): ScopeAlternatives[] | DefinitionProblem {
  const asking = requirements.filter((requirement) => !isEmptyRequirement(requirement))
  if (security.exists && (requirements.length === 0 || asking.length < requirements.length)) {
    security.warnOnce(
      'an empty security requirement does not make an operation public: it requires an access token',
      OPEN_REMEDY,
    )
  }
  const unchecked = asking.map((requirement) => uncheckedSchemes(api, requirement))
  const usable = asking.filter((_, at) => unchecked[at]?.length === 0)
  if (usable.length === 0 && asking.length > 0) {
    const schemes = [...new Set(unchecked.flat())].sort()
    return security.problem(`"security" accepts only ${NOT_CHECKED}: ${schemes.join(', ')}`, REMEDY)
  }
  if (usable.length < asking.length) {
    security.warnOnce('a scheme in "security" is not supported: an access token is required instead')
  }
  return usable.map((requirement) => combine(requirement.entries().map(([, entry]) => entry)))
}

/** What of the requirements is about tokens; the rest has been overridden. */
function tokenParts(api: DefinitionNode, requirements: readonly DefinitionNode[]): ScopeAlternatives[] {
  return requirements.map((requirement) => {
    const tokens = requirement.entries().filter(([name]) => uncheckedScheme(api, name) === undefined)
    return combine(tokens.map(([, entry]) => entry))
  })
}

function isEmptyRequirement(node: DefinitionNode): boolean {
  return node.value instanceof Map && node.value.size === 0
}

function uncheckedSchemes(api: DefinitionNode, requirement: DefinitionNode): string[] {
  const schemes = requirement.entries().map(([name]) => uncheckedScheme(api, name))
  return schemes.filter((scheme) => scheme !== undefined)
}

/** A scheme that is not one of access tokens, with its type: `key (apiKey)`. WSO2's own `default` needs no declaration. */
function uncheckedScheme(api: DefinitionNode, name: string): string | undefined {
  const declared = [api.get('components').get('securitySchemes'), api.get('securityDefinitions')]
  const scheme = declared.map((schemes) => schemes.get(name)).find((scheme) => scheme.exists)
  if (scheme === undefined) return name === 'default' ? undefined : `${name} (not declared)`
  const resolved = scheme.resolve()
  if (resolved === undefined) return undefined
  const type = resolved.get('type').string()
  if (type === 'oauth2' || type === 'openIdConnect') return undefined
  const http = type === 'http' ? resolved.get('scheme').string()?.toLowerCase() : undefined
  if (http === 'bearer' || http === 'jwt' || isBearerOfSwagger(name, resolved)) return undefined
  return `${name} (${http === undefined ? (type ?? 'no type') : `${type} ${http}`})`
}

/**
 * Swagger 2 has no type for bearer tokens: people declare an API key in the header `Authorization` and name it for what it
 * is, as Kubernetes does. A key there that is not said to be a token is none.
 */
function isBearerOfSwagger(name: string, scheme: DefinitionNode): boolean {
  if (scheme.get('type').value !== 'apiKey' || scheme.get('in').value !== 'header') return false
  if (String(scheme.get('name').value).toLowerCase() !== 'authorization') return false
  const isSaid = /bearer|jwt/i.test(name) || saysBearer(scheme.get('description').text() ?? '')
  if (isSaid) scheme.warnOnce(`${name}, an API key in the header Authorization, is read as an access token`)
  return isSaid
}

/** A description that denies anything may deny this. */
function saysBearer(description: string): boolean {
  const denies = /\b(?:no|not|non|cannot|without|never|instead|rather|unlike)\b|n['’]t\b/i
  return /\b(?:bearer|jwt)\b/i.test(description) && !denies.test(description)
}

/** Any scope of a scheme will do (WSO2), and every scheme of a requirement has its say. */
function combine(schemes: readonly DefinitionNode[]): ScopeAlternatives {
  let alternatives: readonly (readonly string[])[] = [[]]
  for (const scheme of schemes) {
    // A scope by itself stands for the list of it.
    const scopes = typeof scheme.value === 'string' ? [scheme.value] : scheme.strings()
    if (scopes.length === 0) continue
    if (scopes.length > 1) {
      scheme.warnOnce('any one of several scopes under a scheme is sufficient, as in WSO2 (OpenAPI would require all)')
    }
    alternatives = alternatives.flatMap((before) => scopes.map((scope) => [...before, scope]))
    if (alternatives.length > MAX_ALTERNATIVES) {
      scheme.error('too many combinations of scopes')
      return [[]]
    }
  }
  return alternatives
}

/** `x-scope`: WSO2 API Manager's older way to name an operation's scope. */
function withOperationScope(operation: DefinitionNode, scopes: ScopeAlternatives): ScopeAlternatives {
  const scope = operation.get('x-scope').string()
  if (scope === undefined || scopes.some((alternative) => alternative.includes(scope))) return scopes
  if (scopes.length > 0) operation.get('x-scope').error('x-scope and "security" name different scopes')
  return [[scope]]
}
