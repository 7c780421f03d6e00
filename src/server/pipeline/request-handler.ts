import type { IncomingMessage, RequestListener } from 'node:http'
import type { Match, RouteTable } from '../../apis/index.js'
import {
  type Authenticated,
  type Authenticator,
  carriedTokens,
  hasQueryToken,
  isRefused,
  JwksUnavailable,
  type Refused,
  readBearer,
  type TokenNames,
} from '../../auth/index.js'
import type { Cors } from '../../config/index.js'
import { faults } from '../../faults/index.js'
import type { Logging } from '../../logging/index.js'
import {
  type ForwardOptions,
  isWebSocketUpgrade,
  type OpenRequests,
  requestHeaders,
  responseHeaders,
  type WebSocketOptions,
} from '../../proxy/index.js'
import type { RevocationLookup } from '../../revocation/index.js'
import type { TokenIdentity } from '../../token/index.js'
import type { KeyManagerEndpoint, KeyManagerEndpoints } from '../key-manager/endpoints.js'
import type { RevokeEndpoint } from '../key-manager/revoke-endpoint.js'
import type { UpgradeListener } from '../listeners/upgrades.js'
import { RequestLog } from '../log/request-log.js'
import { corsHeaders, isPreflight, preflightHeaders } from './cors.js'
import type { Exchange, ExchangeContext, ListenerRole } from './exchange.js'
import { HttpExchange } from './http-exchange.js'
import { readTarget } from './path.js'
import { RevocationGate } from './revocation-gate.js'
import { type HeaderRules, UpstreamPlans, upstreamRequest } from './upstream-plans.js'
import { OpenWebSockets, WebSocketExchange } from './websocket-exchange.js'

export interface RequestHandlerOptions extends HeaderRules {
  readonly routes: RouteTable
  readonly authenticator: Authenticator & TokenNames
  readonly revocations: RevocationLookup
  /** Requests with a token that are under way, so that a revocation ends them; absent: it does not. */
  readonly openRequests?: OpenRequests<TokenIdentity> | undefined
  /** `/token`, `/revoke` ... of a key manager; absent: 404, as for any path that no API has. */
  readonly keyManager?: { readonly endpoints: KeyManagerEndpoints; readonly revoke: RevokeEndpoint } | undefined
  readonly http: ForwardOptions
  readonly webSocket: WebSocketOptions
  /** The `server` header of the gateway's own answers; empty: none. */
  readonly serverHeader: string
  readonly maxUriLength: number
  readonly logging: Logging
}

/**
 * The pipeline: target, route, credentials, authentication, scopes, forward. One line of steps for every exchange, over
 * HTTP or for a WebSocket; the first step that refuses answers. The revocation list is asked last, as the request leaves
 * (`Exchange.mayStart`).
 */
export class RequestHandler {
  readonly #options: RequestHandlerOptions
  readonly #context: ExchangeContext
  readonly #plans: UpstreamPlans
  #exchanges = 0

  constructor(options: RequestHandlerOptions) {
    const { revocations, openRequests, http, webSocket, serverHeader } = options
    const log = new RequestLog(options.logging)
    const gate = new RevocationGate(revocations, log)
    const openWebSockets = new OpenWebSockets()
    this.#options = options
    this.#context = { log, gate, openRequests, http, webSocket, openWebSockets, serverHeader }
    this.#plans = new UpstreamPlans(options)
  }

  /** Serves the requests of a listener. */
  listener(role: ListenerRole): RequestListener {
    return (req, res) => {
      const exchange = new HttpExchange(this.#context, req, res, role, ++this.#exchanges)
      try {
        this.#receive(exchange)
      } catch (error) {
        exchange.fail(error)
      }
    }
  }

  /** Serves the requests for WebSockets of a listener. */
  upgradeListener(role: ListenerRole): UpgradeListener {
    return (req, socket, head) => {
      const exchange = new WebSocketExchange(this.#context, req, socket, head, role, ++this.#exchanges)
      exchange.guard(() => {
        if (isWebSocketUpgrade(req)) this.#receive(exchange)
        else exchange.refuse(faults.badRequest, 'not-websocket')
      })
    }
  }

  /** Closes all WebSockets, and each that opens from now on, with 1001: a gateway that stops does not wait for them. */
  goAway(): void {
    this.#context.openWebSockets.goAway()
  }

  #receive(exchange: Exchange): void {
    const { maxUriLength, http, keyManager } = this.#options
    const { req, role } = exchange
    const url = req.url ?? ''
    if (url.length > maxUriLength) return exchange.refuse(faults.uriTooLong, 'uri-too-long')
    if (Number(req.headers['content-length'] ?? 0) > http.maxBodyBytes) {
      return exchange.refuse(faults.entityTooLarge, 'body-too-large')
    }
    if (!isPlainlyFramed(req)) return exchange.refuse(faults.badRequest, 'transfer-encoding')
    const target = readTarget(url)
    if (target.kind === 'refusal') return exchange.refuse(faults.badRequest, target.reason)
    exchange.target = target
    const method = req.method ?? ''
    const isHealth = target.path === '/health' && (method === 'GET' || method === 'HEAD')
    const endpoint = role === 'http' ? undefined : keyManager?.endpoints.find(method, target.path)
    if (exchange.isWebSocket && (isHealth || endpoint !== undefined)) {
      return exchange.refuse(faults.noApi, 'no-websocket-here')
    }
    if (isHealth) return exchange.respond(200, HEALTH_HEADERS, HEALTHY)
    if (endpoint !== undefined) return this.#callKeyManager(exchange, endpoint)
    const cors = role === 'http' ? undefined : keyManager?.endpoints.corsAt(target.path)
    if (isPreflight(req, cors)) return exchange.respond(204, preflightHeaders(req, cors), '')
    if (role === 'token') return exchange.refuse(faults.noApi, 'token-listener')
    this.#route(exchange)
  }

  #callKeyManager(exchange: Exchange, endpoint: KeyManagerEndpoint): void {
    exchange.endpoint = endpoint
    allowOrigin(exchange, endpoint.cors)
    if (endpoint.action === 'forward') this.#toKeyManager(exchange, endpoint, NONE)
    // Its token is for the key manager itself: forwarded, and always in the standard header.
    else if (endpoint.action === 'authenticate') this.#authenticate(exchange, 'authorization')
    else this.#revoke(exchange, endpoint)
  }

  #revoke(exchange: Exchange, { origin, path }: KeyManagerEndpoint): void {
    const { req, target } = exchange
    this.#options.keyManager?.revoke.answer(req, origin + path, target.query).then(
      (outcome) =>
        exchange.guard(() => {
          if (outcome.kind === 'fault') exchange.refuse(outcome.fault, outcome.reason)
          else {
            const { responseHeaders: own, ownCors } = exchange
            exchange.respond(outcome.status, responseHeaders(outcome.headers, own, ownCors), outcome.body)
          }
        }),
      (error) => exchange.fail(error),
    )
  }

  #route(exchange: Exchange): void {
    const { req, role, target } = exchange
    const route = this.#options.routes.find(req.method ?? '', target.path)
    if ('api' in route) {
      const { cors, transports } = route.api
      if (!transports.includes(role === 'http' ? 'http' : 'https')) return exchange.refuse(faults.noApi, 'transport')
      if (isPreflight(req, cors)) return exchange.respond(204, preflightHeaders(req, cors), '')
      allowOrigin(exchange, cors)
    }
    if (route.kind === 'method-not-allowed') {
      exchange.responseHeaders = [...exchange.responseHeaders, 'allow', route.allowed]
    }
    if (route.kind !== 'match') return exchange.refuse(ROUTE_FAULTS[route.kind], route.kind)
    exchange.match = route
    if (route.resource.unserved !== undefined) return this.#refuseUnserved(exchange, route)
    const header = this.#headerOf(route)
    if (route.resource.secured) this.#authenticate(exchange, header)
    else this.#identify(exchange, route, header)
  }

  /** No credential opens it: what its definition asks for is not checked here. */
  #refuseUnserved(exchange: Exchange, { api, resource }: Match): void {
    this.#context.log.notServed(exchange, api.name, resource)
    exchange.refuse(faults.notServed, 'not-served')
  }

  /** For a resource that requires no token: what it carries is forwarded, and so must not be revoked. */
  #identify(exchange: Exchange, match: Match, header: string): void {
    if (readBearer(exchange.req.rawHeaders, header).kind === 'ambiguous') {
      return exchange.refuse(faults.badRequest, 'two-credentials')
    }
    const carried = this.#carried(exchange, header, false)
    if (carried === 'malformed') return exchange.refuse(faults.invalidCredentials, 'malformed')
    if (carried.length > 0 && !this.#options.revocations.isKnown) {
      return exchange.refuse(faults.notSynchronised, 'not-synchronised')
    }
    this.#toApi(exchange, match, 'PRODUCTION', carried)
  }

  /** The identities of the tokens that an upstream may find in a request, the one in `header` left out if it is checked. */
  #carried(exchange: Exchange, header: string, isChecked: boolean): readonly TokenIdentity[] | 'malformed' {
    const credentials = carriedTokens(exchange.req.rawHeaders, header, isChecked, exchange.target.query)
    if (credentials === 'malformed') return credentials
    if (credentials.length === 0) return NONE
    const now = Date.now()
    return credentials.flatMap((credential) => this.#options.authenticator.identitiesOf(credential, now))
  }

  /** Requires a token in `header` (lower-case name). */
  #authenticate(exchange: Exchange, header: string): void {
    const { authenticator, revocations } = this.#options
    if (!revocations.isKnown) return exchange.refuse(faults.notSynchronised, 'not-synchronised')
    const bearer = readBearer(exchange.req.rawHeaders, header)
    if (bearer.kind === 'ambiguous' || hasQueryToken(exchange.target.query)) {
      return exchange.refuse(faults.badRequest, 'two-credentials')
    }
    if (bearer.kind === 'missing') return exchange.refuse(faults.missingCredentials, 'missing')
    if (bearer.kind === 'malformed') return exchange.refuse(faults.invalidCredentials, 'malformed')
    this.#context.log.authentication(exchange, 'Processing request with the Authentication handler chain')
    const outcome = authenticator.authenticate(bearer.credential, Math.max(Date.now(), revocations.endedBefore))
    if (!(outcome instanceof Promise)) return this.#authenticated(exchange, outcome)
    outcome.then(
      (late) => exchange.guard(() => this.#authenticated(exchange, late)),
      (error) => {
        // The issuer's keys are unavailable: logged where they are fetched.
        if (error instanceof JwksUnavailable) exchange.refuse(faults.keyManagerUnavailable, 'no-keys')
        else exchange.fail(error)
      },
    )
  }

  #authenticated(exchange: Exchange, outcome: Authenticated | Refused): void {
    if (isRefused(outcome)) {
      this.#context.log.authentication(exchange, 'Authentication handler chain returned with value : false')
      return exchange.refuse(outcome.fault, outcome.reason)
    }
    const { match, endpoint } = exchange
    if (match !== undefined) this.#authorize(exchange, match, outcome)
    else if (endpoint !== undefined) this.#toKeyManager(exchange, endpoint, [outcome.identity])
  }

  #authorize(exchange: Exchange, match: Match, caller: Authenticated): void {
    const { resource, furtherScopes } = match
    const allowed =
      allows(resource.scopes, caller.scopes) && furtherScopes.every((scopes) => allows(scopes, caller.scopes))
    if (!allowed) return exchange.refuse(faults.scopeNotAllowed, 'scope')
    const carried = this.#carried(exchange, this.#headerOf(match), true)
    if (carried === 'malformed') return exchange.refuse(faults.invalidCredentials, 'malformed')
    this.#toApi(exchange, match, caller.keyType, [caller.identity, ...carried])
  }

  /** The lower-case name of the header that carries an API's tokens. */
  #headerOf({ api }: Match): string {
    return api.authHeader ?? this.#options.authorizationHeader
  }

  #toApi(
    exchange: Exchange,
    { api, resource }: Match,
    keyType: Authenticated['keyType'],
    identities: readonly TokenIdentity[],
  ): void {
    const sandbox = keyType === 'SANDBOX'
    const plans = this.#plans.of(api, resource)
    const plan = sandbox ? plans.sandbox : plans.production
    if (plan === undefined) {
      return exchange.refuse(sandbox ? faults.noSandboxEndpoint : faults.noProductionEndpoint, 'no-endpoint')
    }
    if (plan.removed.has('authorization')) {
      this.#context.log.authentication(exchange, 'Removed header : Authorization from the request')
    }
    exchange.forward(upstreamRequest(plan, resource, exchange), identities, api.name)
  }

  /** Forwards the request as it came. `identities` has the token's, where one is required. */
  #toKeyManager(exchange: Exchange, { origin, path }: KeyManagerEndpoint, identities: readonly TokenIdentity[]): void {
    const { req, target } = exchange
    const headers = requestHeaders(req.rawHeaders, NOTHING)
    const { responseHeaders, ownCors } = exchange
    const upstream = { targets: [{ origin, path: path + target.query }] as const, headers, responseHeaders, ownCors }
    exchange.forward(upstream, identities, target.path)
  }
}

const NONE: readonly TokenIdentity[] = []
const NOTHING: ReadonlySet<string> = new Set()
const HEALTHY = '{"status":"healthy"}'
const HEALTH_HEADERS = ['content-type', 'application/json', 'content-length', String(HEALTHY.length)]
const ROUTE_FAULTS = {
  'no-api': faults.noApi,
  'no-resource': faults.noResource,
  'method-not-allowed': faults.methodNotAllowed,
  ambiguous: faults.badRequest,
  'encoded-slash': faults.badRequest,
} as const

/** Has every answer say what pages of other origins may do with it. */
function allowOrigin(exchange: Exchange, cors: Cors | undefined): void {
  exchange.responseHeaders = corsHeaders(exchange.req, cors)
  exchange.ownCors = cors !== undefined
}

/** Whether a body has no other coding than `chunked`, which nobody would undo; HTTP/1.0 has none (RFC 9112 §6.1). */
function isPlainlyFramed({ headers, httpVersionMinor }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding']
  return coding === undefined || (coding.toLowerCase() === 'chunked' && httpVersionMinor > 0)
}

/** An operation's scopes: any of its alternatives must be held whole (OpenAPI's security requirements). */
function allows(required: readonly (readonly string[])[], held: ReadonlySet<string>): boolean {
  return required.length === 0 || required.some((all) => all.every((scope) => held.has(scope)))
}
