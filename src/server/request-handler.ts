import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { type Api, type Endpoint, type Endpoints, type Match, type RouteTable, upstreamPath } from '../apis/index.js'
import {
  type Authenticated,
  type Authenticator,
  hasQueryToken,
  isRefused,
  type Refused,
  readBearer,
} from '../auth/index.js'
import { type Fault, faults } from '../faults/index.js'
import { basicCredentials, type HttpClient } from '../http-client/index.js'
import type { Logger, Logging } from '../logging/index.js'
import {
  EndpointOrder,
  type ForwardFailure,
  forward,
  type OpenRequests,
  requestHeaders,
  type UpstreamRequest,
  type UpstreamTarget,
} from '../proxy/index.js'
import type { Revocation, RevocationLookup } from '../revocation/lookup.js'
import type { TokenIdentity } from '../revocation/token-id.js'
import { corsHeaders, isPreflight, preflightHeaders } from './cors.js'
import type { KeyManagerEndpoint, KeyManagerEndpoints } from './key-manager.js'
import { readTarget, type Target } from './path.js'
import { RefusalLog } from './refusal-log.js'
import { respond, respondWithFault } from './respond.js'
import type { RevokeEndpoint } from './revoke-endpoint.js'

export interface RequestHandlerOptions {
  readonly routes: RouteTable
  readonly authenticator: Authenticator
  readonly revocations: RevocationLookup
  /** Where requests that are under way are noted, so that a revocation ends them; absent: it does not. */
  readonly openRequests?: OpenRequests<TokenIdentity>
  /** Connections to upstreams. */
  readonly client: HttpClient
  /** `/token`, `/revoke` ... of a key manager; absent: they are 404 like any path that no API has. */
  readonly keyManager?: { readonly endpoints: KeyManagerEndpoints; readonly revoke: RevokeEndpoint }
  /** Lower-case name of the header that carries the token (`[authConfig] authorizationHeader`). */
  readonly authorizationHeader: string
  readonly removeAuthHeader: boolean
  /** Lower-case name of the header in which upstreams trust the gateway's own word (`[jwtConfig] header`). */
  readonly assertionHeader: string
  /** The `server` header of the gateway's own answers. */
  readonly serverHeader: string
  readonly maxUriLength: number
  /** Bytes; Infinity: no limit. */
  readonly maxBodyBytes: number
  readonly logging: Logging
}

/**
 * What a listener serves: plain HTTP the APIs; HTTPS the APIs and the key manager's endpoints; the token listener the
 * key manager's endpoints alone. All of them answer `/health`.
 */
export type ListenerRole = 'http' | 'https' | 'token'

const HEALTHY = '{"status":"healthy"}'
const HEALTH_HEADERS = ['content-type', 'application/json', 'content-length', String(HEALTHY.length)]
const FAULT_OF: Readonly<Record<Exclude<ForwardFailure, 'client-left' | 'refused'>, Fault>> = {
  unreachable: faults.upstreamUnreachable,
  timeout: faults.upstreamTimeout,
  'body-too-large': faults.entityTooLarge,
}

/**
 * The pipeline: path, route, token, authentication, scopes, revocation, forward. A straight line; the first step that
 * refuses answers, here and nowhere else.
 */
export class RequestHandler {
  readonly #options: RequestHandlerOptions
  readonly #log: Logger
  readonly #authLog: Logger
  readonly #jwtLog: Logger
  readonly #refusals: RefusalLog
  readonly #order = new EndpointOrder()
  #requests = 0

  constructor(options: RequestHandlerOptions) {
    this.#options = options
    this.#log = options.logging('RequestHandler')
    this.#authLog = options.logging('AuthnFilter')
    this.#jwtLog = options.logging('JWTAuthProvider')
    this.#refusals = new RefusalLog(options.logging('AuthnFilter'))
  }

  /** A listener's side of it. */
  listener(role: ListenerRole): RequestListener {
    return (req, res) => {
      const request: Request = { req, res, role, number: ++this.#requests, cors: NO_HEADERS }
      try {
        this.#receive(request)
      } catch (error) {
        this.#failed(request, error)
      }
    }
  }

  #receive(request: Request): void {
    const { maxUriLength, maxBodyBytes, keyManager, serverHeader } = this.#options
    const { req, res, role } = request
    const url = req.url ?? ''
    if (url.length > maxUriLength) return this.#refuse(request, faults.uriTooLong, 'uri-too-long')
    if (Number(req.headers['content-length'] ?? 0) > maxBodyBytes) {
      return this.#refuse(request, faults.entityTooLarge, 'body-too-large')
    }
    const target = readTarget(url)
    if (target.kind === 'refusal') return this.#refuse(request, faults.badRequest, target.reason)
    const method = req.method ?? ''
    if (target.path === '/health' && (method === 'GET' || method === 'HEAD')) {
      return respond(req, res, 200, HEALTH_HEADERS, HEALTHY, serverHeader)
    }
    const endpoint = role === 'http' ? undefined : keyManager?.endpoints.find(method, target.path)
    if (endpoint !== undefined) return this.#callKeyManager(request, target, endpoint)
    if (role === 'token') return this.#refuse(request, faults.noApi, 'token-listener')
    this.#route(request, target)
  }

  #callKeyManager(request: Request, target: Target, endpoint: KeyManagerEndpoint): void {
    const { origin } = endpoint
    const pass = (caller?: Caller) => {
      const upstream = { targets: [{ origin, path: endpoint.path + target.query }] as const }
      this.#forward(request, { ...upstream, headers: this.#headers(request, NOTHING) }, caller)
    }
    if (endpoint.does === 'pass') pass()
    else if (endpoint.does === 'check') {
      // Its token is for the key manager itself, so it is passed on, and always in the standard header.
      this.#authenticate(request, target, AUTHORIZATION, ({ identity }) => pass({ identity, api: target.path }))
    } else this.#revoke(request, target, origin + endpoint.path)
  }

  #revoke(request: Request, target: Target, url: string): void {
    const { keyManager, serverHeader } = this.#options
    const { req, res } = request
    keyManager?.revoke.answer(req, url, target.query).then(
      (outcome) =>
        this.#guarded(request, () => {
          if (outcome.kind === 'fault') return this.#refuse(request, outcome.fault, outcome.reason)
          if (!res.destroyed) respond(req, res, outcome.status, outcome.headers, outcome.body, serverHeader)
        }),
      (error) => this.#failed(request, error),
    )
  }

  #route(request: Request, target: Target): void {
    const { req, res } = request
    const route = this.#options.routes.find(req.method ?? '', target.path)
    if ('api' in route) {
      const { api } = route
      if (!api.transports.includes(request.role === 'http' ? 'http' : 'https')) {
        return this.#refuse(request, faults.noApi, 'transport')
      }
      if (isPreflight(req, api.cors)) {
        return respond(req, res, 204, preflightHeaders(req, api.cors), '', this.#options.serverHeader)
      }
      request.cors = corsHeaders(req, api.cors)
    }
    if (route.kind === 'method-not-allowed') request.cors = [...request.cors, 'allow', route.allowed]
    if (route.kind !== 'match') return this.#refuse(request, ROUTE_FAULTS[route.kind], route.kind)
    if (!route.resource.secured) return this.#dispatch(request, target, route, undefined)
    const header = route.api.authHeader ?? this.#options.authorizationHeader
    this.#authenticate(request, target, header, (caller) => {
      if (!allows(route.resource.scopes, caller.scopes)) return this.#refuse(request, faults.scopeNotAllowed, 'scope')
      this.#dispatch(request, target, route, caller)
    })
  }

  /** Goes on with `next` if the token in `header` (lower-case) is good; whether it is revoked is asked last. */
  #authenticate(request: Request, target: Target, header: string, next: (caller: Authenticated) => void): void {
    const { authenticator, revocations } = this.#options
    const now = Date.now()
    if (now >= revocations.knownUntil) return this.#refuse(request, faults.notSynchronised, 'not-synchronised')
    const bearer = readBearer(request.req.rawHeaders, header)
    if (bearer.kind === 'ambiguous' || hasQueryToken(target.query)) {
      return this.#refuse(request, faults.badRequest, 'two-credentials')
    }
    if (bearer.kind === 'missing') return this.#refuse(request, faults.missingCredentials, 'missing')
    if (bearer.kind === 'malformed') return this.#refuse(request, faults.invalidCredentials, 'malformed')
    this.#debugAuth(request, 'Processing request with the Authentication handler chain')
    const outcome = authenticator.authenticate(bearer.credential, now)
    if (!(outcome instanceof Promise)) return this.#authenticated(request, outcome, next)
    outcome.then(
      (late) => this.#guarded(request, () => this.#authenticated(request, late, next)),
      (error) => this.#failed(request, error),
    )
  }

  #authenticated(request: Request, outcome: Authenticated | Refused, next: (caller: Authenticated) => void): void {
    if (!isRefused(outcome)) return next(outcome)
    this.#debugAuth(request, 'Authentication handler chain returned with value : false')
    this.#refuse(request, outcome.fault, outcome.reason)
  }

  #dispatch(request: Request, target: Target, route: Match, caller: Authenticated | undefined): void {
    const { resource, api } = route
    const sandbox = caller?.keyType === 'SANDBOX'
    const endpoints = sandbox ? resource.sandbox : resource.production
    if (endpoints === undefined) {
      return this.#refuse(request, sandbox ? faults.noSandboxEndpoint : faults.noProductionEndpoint, 'no-endpoint')
    }
    const [first, ...others] = this.#order.of(endpoints)
    const at = (endpoint: Endpoint): UpstreamTarget => ({
      origin: endpoint.origin,
      path: upstreamPath(resource, endpoint, target.path, target.query),
    })
    const upstream = {
      targets: [at(first), ...others.map(at)] as const,
      headers: this.#headers(request, this.#removedHeaders(api, endpoints, caller !== undefined)),
      timeout: endpoints.timeout,
    }
    const { credentials } = endpoints
    if (credentials !== undefined) {
      const basic = basicCredentials(credentials.username, credentials.password.reveal())
      upstream.headers.push('authorization', basic)
    }
    this.#forward(request, upstream, caller && { identity: caller.identity, api: api.name })
  }

  /** What an upstream must not see: the token, what only the gateway may say, what it asks for itself. */
  #removedHeaders(api: Api, endpoints: Endpoints, authenticated: boolean): ReadonlySet<string> {
    const { removeAuthHeader, authorizationHeader, assertionHeader } = this.#options
    const removed = new Set([assertionHeader])
    if (authenticated && removeAuthHeader) removed.add(api.authHeader ?? authorizationHeader)
    if (endpoints.credentials !== undefined) removed.add('authorization')
    return removed
  }

  #headers(request: Request, removed: ReadonlySet<string>): string[] {
    if (this.#authLog.debugEnabled && removed.has('authorization')) {
      this.#debugAuth(request, 'Removed header : Authorization from the request')
    }
    return requestHeaders(request.req.rawHeaders, removed)
  }

  #forward(request: Request, upstream: Omit<UpstreamRequest, 'maxBodyBytes'>, caller?: Caller): void {
    const { client, maxBodyBytes, openRequests } = this.#options
    const { req, res, cors } = request
    let refusal: Refused | undefined
    let over = false
    const exchange = forward(client, { ...upstream, maxBodyBytes, responseHeaders: cors }, req, res, {
      mayStart: () => {
        refusal = caller === undefined ? undefined : this.#refusal(request, caller)
        return refusal === undefined
      },
      failed: (failure, answered, cause) => {
        if (failure === 'client-left') return
        if (failure === 'refused') {
          if (!answered) this.#refuse(request, refusal?.fault ?? faults.invalidCredentials, 'revoked')
          return
        }
        const { origin } = upstream.targets[0]
        this.#log.error('the upstream gave no whole response', cause, { requestId: id(request), failure, origin })
        if (!answered) this.#refuse(request, FAULT_OF[failure], failure)
      },
      ended: () => {
        over = true
        if (caller !== undefined) openRequests?.remove(caller.identity, exchange)
      },
    })
    if (caller !== undefined && !over) openRequests?.add(caller.identity, exchange)
  }

  /** Asks the revocation list: the last thing that happens before a request leaves. */
  #refusal(request: Request, caller: Caller): Refused | undefined {
    const { revocations } = this.#options
    const now = Date.now()
    if (now >= revocations.knownUntil) return NOT_SYNCHRONISED
    const revocation = revocations.find(caller.identity, now)
    if (this.#jwtLog.debugEnabled) this.#debugLookup(request, revocation)
    if (revocation === undefined) return undefined
    revocations.refused(caller.identity, now)
    this.#refusals.revoked(() => id(request), caller.api, caller.identity, revocation, now)
    return REVOKED
  }

  #refuse(request: Request, fault: Fault, reason: string): void {
    if (this.#log.debugEnabled) {
      this.#log.debug('request refused', { requestId: id(request), status: fault.status, code: fault.code, reason })
    }
    respondWithFault(request.req, request.res, fault, this.#options.serverHeader, request.cors)
  }

  #guarded(request: Request, step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#failed(request, error)
    }
  }

  #failed(request: Request, error: unknown): void {
    this.#log.error('a request could not be served', error, { requestId: id(request) })
    respondWithFault(request.req, request.res, faults.unclassified, this.#options.serverHeader)
  }

  #debugAuth(request: Request, text: string): void {
    if (this.#authLog.debugEnabled) this.#authLog.debug(text, { requestId: id(request) })
  }

  #debugLookup(request: Request, revocation: Revocation | undefined): void {
    const fields = { requestId: id(request) }
    this.#jwtLog.debug('Checking for the JTI in the gateway invalid revoked token map.', fields)
    if (revocation === undefined) return
    this.#jwtLog.debug('JTI token found in the invalid token map.', fields)
    this.#jwtLog.debug('JWT Authentication Handler returned with value : false', fields)
    this.#jwtLog.debug('JWT Token is revoked', fields)
    this.#debugAuth(request, 'Authentication handler chain returned with value : false')
  }
}

/** Whom a forwarded request comes from. */
interface Caller {
  readonly identity: TokenIdentity
  readonly api: string
}

interface Request {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** The listener's that it came by. */
  readonly role: ListenerRole
  /** What the API's CORS settings add to any answer. */
  cors: readonly string[]
  readonly number: number
}

const REVOKED: Refused = { fault: faults.invalidCredentials, reason: 'revoked' }
const NOT_SYNCHRONISED: Refused = { fault: faults.notSynchronised, reason: 'not-synchronised' }
const AUTHORIZATION = 'authorization'
const NOTHING: ReadonlySet<string> = new Set()
const NO_HEADERS: readonly string[] = []
const ROUTE_FAULTS = {
  'no-api': faults.noApi,
  'no-resource': faults.noResource,
  'method-not-allowed': faults.methodNotAllowed,
  ambiguous: faults.badRequest,
} as const

/** A request's name in the log. */
function id(request: Request): string {
  return `${process.pid.toString(36)}-${request.number.toString(36)}`
}

/** An operation's scopes: any of its alternatives must be held whole (OpenAPI's security requirements). */
function allows(required: readonly (readonly string[])[], held: ReadonlySet<string>): boolean {
  return required.length === 0 || required.some((all) => all.every((scope) => held.has(scope)))
}
