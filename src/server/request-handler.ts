import type { IncomingMessage, RequestListener } from 'node:http'
import type { Match, RouteTable } from '../apis/index.js'
import {
  type Authenticated,
  type Authenticator,
  hasQueryToken,
  isRefused,
  type Refused,
  readBearer,
  unverifiedCaller,
} from '../auth/index.js'
import { faults } from '../faults/index.js'
import type { Logging } from '../logging/index.js'
import { isWebSocketUpgrade, type OpenRequests } from '../proxy/index.js'
import type { RevocationLookup } from '../revocation/index.js'
import type { Fingerprinter, TokenIdentity } from '../token/index.js'
import { Answers } from './answers.js'
import { corsHeaders, isPreflight, preflightHeaders } from './cors.js'
import { Dispatch } from './dispatch.js'
import type { KeyManagerEndpoint, KeyManagerEndpoints } from './key-manager.js'
import { LastCheck } from './last-check.js'
import { OpenWebSockets } from './open-web-sockets.js'
import { readTarget, type Target } from './path.js'
import { PlainRequest } from './plain-request.js'
import type { ListenerRole, ReceivedRequest, Upstreams } from './received-request.js'
import { RequestLog } from './request-log.js'
import type { HeaderRules } from './resource-plans.js'
import type { RevokeEndpoint } from './revoke-endpoint.js'
import type { UpgradeListener } from './upgrade-requests.js'
import { WebSocketRequest } from './web-socket-request.js'

export interface RequestHandlerOptions extends HeaderRules, Omit<Upstreams, 'webSockets'> {
  readonly routes: RouteTable
  readonly authenticator: Authenticator
  readonly revocations: RevocationLookup
  /** The list's. */
  readonly fingerprints: Fingerprinter
  /** Where requests that are under way are noted, so that a revocation ends them; absent: it does not. */
  readonly openRequests?: OpenRequests<TokenIdentity>
  /** `/token`, `/revoke` ... of a key manager; absent: they are 404 like any path that no API has. */
  readonly keyManager?: { readonly endpoints: KeyManagerEndpoints; readonly revoke: RevokeEndpoint }
  /** The `server` header of the gateway's own answers. */
  readonly serverHeader: string
  readonly maxUriLength: number
  readonly logging: Logging
}

/**
 * The pipeline: path, route, token, authentication, scopes, revocation, forward. A straight line, the same for plain
 * requests and for WebSockets; the first step that refuses answers.
 */
export class RequestHandler {
  readonly #options: RequestHandlerOptions
  readonly #log: RequestLog
  readonly #answers: Answers
  readonly #dispatch: Dispatch
  readonly #webSockets = new OpenWebSockets()
  #requests = 0

  constructor(options: RequestHandlerOptions) {
    const { client, maxBodyBytes, bodyPace, clientTimeout, upgrade, openRequests, revocations } = options
    this.#options = options
    this.#log = new RequestLog(options.logging)
    this.#answers = new Answers(this.#log)
    const upstreams = { client, maxBodyBytes, bodyPace, clientTimeout, upgrade, webSockets: this.#webSockets }
    const lastCheck = new LastCheck(revocations, this.#log)
    const by = { upstreams, openRequests, lastCheck, answers: this.#answers, log: this.#log }
    this.#dispatch = new Dispatch(by, options)
  }

  /** A listener's side of it. */
  listener(role: ListenerRole): RequestListener {
    return (req, res) => {
      const request = new PlainRequest(req, res, role, ++this.#requests, this.#options.serverHeader)
      try {
        this.#receive(request)
      } catch (error) {
        this.#answers.failed(request, error)
      }
    }
  }

  /** A listener's side of it, for requests that ask for a WebSocket. */
  upgradeListener(role: ListenerRole): UpgradeListener {
    return (req, socket, head) => {
      const request = new WebSocketRequest(req, socket, head, role, ++this.#requests, this.#options.serverHeader)
      this.#answers.guarded(request, () => {
        if (isWebSocketUpgrade(req)) this.#receive(request)
        else this.#answers.refuse(request, faults.badRequest, 'not-websocket')
      })
    }
  }

  /** Takes leave of all WebSockets, and of those that come from now on: a gateway that stops does not wait for them. */
  goAway(): void {
    this.#webSockets.goAway()
  }

  #receive(request: ReceivedRequest): void {
    const { maxUriLength, maxBodyBytes, keyManager } = this.#options
    const { req, role } = request
    const url = req.url ?? ''
    if (url.length > maxUriLength) return this.#answers.refuse(request, faults.uriTooLong, 'uri-too-long')
    if (Number(req.headers['content-length'] ?? 0) > maxBodyBytes) {
      return this.#answers.refuse(request, faults.entityTooLarge, 'body-too-large')
    }
    if (!isPlainlyFramed(req)) return this.#answers.refuse(request, faults.badRequest, 'transfer-encoding')
    const target = readTarget(url)
    if (target.kind === 'refusal') return this.#answers.refuse(request, faults.badRequest, target.reason)
    const method = req.method ?? ''
    const isHealth = target.path === '/health' && (method === 'GET' || method === 'HEAD')
    const endpoint = role === 'http' ? undefined : keyManager?.endpoints.find(method, target.path)
    if (request.webSocket && (isHealth || endpoint !== undefined)) {
      return this.#answers.refuse(request, faults.noApi, 'no-websocket-here')
    }
    if (isHealth) return request.respond(200, HEALTH_HEADERS, HEALTHY)
    if (endpoint !== undefined) return this.#callKeyManager(request, target, endpoint)
    if (role === 'token') return this.#answers.refuse(request, faults.noApi, 'token-listener')
    this.#route(request, target)
  }

  #callKeyManager(request: ReceivedRequest, target: Target, endpoint: KeyManagerEndpoint): void {
    if (endpoint.does === 'pass') this.#dispatch.toKeyManager(request, target, endpoint)
    else if (endpoint.does === 'check') {
      // Its token is for the key manager itself, so it is passed on, and always in the standard header.
      this.#authenticate(request, target, AUTHORIZATION, ({ identity }) => {
        this.#dispatch.toKeyManager(request, target, endpoint, identity)
      })
    } else this.#revoke(request, target, endpoint.origin + endpoint.path)
  }

  #revoke(request: ReceivedRequest, target: Target, url: string): void {
    this.#options.keyManager?.revoke.answer(request.req, url, target.query).then(
      (outcome) =>
        this.#answers.guarded(request, () => {
          if (outcome.kind === 'fault') return this.#answers.refuse(request, outcome.fault, outcome.reason)
          request.respond(outcome.status, outcome.headers, outcome.body)
        }),
      (error) => this.#answers.failed(request, error),
    )
  }

  #route(request: ReceivedRequest, target: Target): void {
    const { req } = request
    const route = this.#options.routes.find(req.method ?? '', target.path)
    if ('api' in route) {
      const { api } = route
      if (!api.transports.includes(request.role === 'http' ? 'http' : 'https')) {
        return this.#answers.refuse(request, faults.noApi, 'transport')
      }
      if (isPreflight(req, api.cors)) return request.respond(204, preflightHeaders(req, api.cors), '')
      request.cors = corsHeaders(req, api.cors)
      request.ownCors = api.cors !== undefined
    }
    if (route.kind === 'method-not-allowed') request.cors = [...request.cors, 'allow', route.allowed]
    if (route.kind !== 'match') return this.#answers.refuse(request, ROUTE_FAULTS[route.kind], route.kind)
    const header = route.api.authHeader ?? this.#options.authorizationHeader
    if (!route.resource.secured) return this.#toOpen(request, target, route, header)
    this.#authenticate(request, target, header, (caller) => this.#authorize(request, target, route, caller))
  }

  /** No token is asked for; one that comes all the same is passed on, and so must not be revoked. */
  #toOpen(request: ReceivedRequest, target: Target, route: Match, header: string): void {
    const { revocations, fingerprints } = this.#options
    const bearer = readBearer(request.req.rawHeaders, header)
    if (bearer.kind === 'missing') return this.#dispatch.toApi(request, target, route, undefined)
    if (!revocations.isKnown) {
      return this.#answers.refuse(request, faults.notSynchronised, 'not-synchronised')
    }
    if (bearer.kind === 'ambiguous') return this.#answers.refuse(request, faults.badRequest, 'two-credentials')
    if (bearer.kind === 'malformed') return this.#answers.refuse(request, faults.invalidCredentials, 'malformed')
    const caller = unverifiedCaller(bearer.credential, fingerprints)
    this.#authenticated(request, caller, (it) => this.#dispatch.toApi(request, target, route, it))
  }

  #authorize(request: ReceivedRequest, target: Target, route: Match, caller: Authenticated): void {
    const { resource, furtherScopes } = route
    const allowed =
      allows(resource.scopes, caller.scopes) && furtherScopes.every((scopes) => allows(scopes, caller.scopes))
    if (allowed) this.#dispatch.toApi(request, target, route, caller)
    else this.#answers.refuse(request, faults.scopeNotAllowed, 'scope')
  }

  /** Goes on with `next` if the token in `header` (lower-case) is good; whether it is revoked is asked last. */
  #authenticate(request: ReceivedRequest, target: Target, header: string, next: (caller: Authenticated) => void): void {
    const { authenticator, revocations } = this.#options
    if (!revocations.isKnown) return this.#answers.refuse(request, faults.notSynchronised, 'not-synchronised')
    const bearer = readBearer(request.req.rawHeaders, header)
    if (bearer.kind === 'ambiguous' || hasQueryToken(target.query)) {
      return this.#answers.refuse(request, faults.badRequest, 'two-credentials')
    }
    if (bearer.kind === 'missing') return this.#answers.refuse(request, faults.missingCredentials, 'missing')
    if (bearer.kind === 'malformed') return this.#answers.refuse(request, faults.invalidCredentials, 'malformed')
    this.#log.authentication(request, 'Processing request with the Authentication handler chain')
    const outcome = authenticator.authenticate(bearer.credential, Math.max(Date.now(), revocations.endedBefore))
    if (!(outcome instanceof Promise)) return this.#authenticated(request, outcome, next)
    outcome.then(
      (late) => this.#answers.guarded(request, () => this.#authenticated(request, late, next)),
      (error) => this.#answers.unjudged(request, error),
    )
  }

  #authenticated(
    request: ReceivedRequest,
    outcome: Authenticated | Refused,
    next: (caller: Authenticated) => void,
  ): void {
    if (!isRefused(outcome)) return next(outcome)
    this.#log.authentication(request, 'Authentication handler chain returned with value : false')
    this.#answers.refuse(request, outcome.fault, outcome.reason)
  }
}

const HEALTHY = '{"status":"healthy"}'
const HEALTH_HEADERS = ['content-type', 'application/json', 'content-length', String(HEALTHY.length)]
const AUTHORIZATION = 'authorization'
const ROUTE_FAULTS = {
  'no-api': faults.noApi,
  'no-resource': faults.noResource,
  'method-not-allowed': faults.methodNotAllowed,
  ambiguous: faults.badRequest,
} as const

/** Whether a body has no other coding than `chunked`, which nobody would undo, and HTTP/1.0 has none (RFC 9112 §6.1). */
function isPlainlyFramed({ headers, httpVersionMinor }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding']
  return coding === undefined || (coding.toLowerCase() === 'chunked' && httpVersionMinor > 0)
}

/** An operation's scopes: any of its alternatives must be held whole (OpenAPI's security requirements). */
function allows(required: readonly (readonly string[])[], held: ReadonlySet<string>): boolean {
  return required.length === 0 || required.some((all) => all.every((scope) => held.has(scope)))
}
