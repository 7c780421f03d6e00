import type { RequestListener } from 'node:http'
import { holdsScopes, type Match, type RouteTable } from '../../apis/index.js'
import { type Authenticated, type Authenticator, isRefused, type Refused, type TokenNames } from '../../auth/index.js'
import { faults } from '../../faults/index.js'
import type { Logging } from '../../logging/index.js'
import type { RequestMetrics } from '../../metrics/index.js'
import {
  type ClientStream,
  DEFAULT_ENDPOINT_RULES,
  type EndpointStatus,
  type Forwarding,
  type ForwardOptions,
  Http1Stream,
  isWebSocketUpgrade,
  type OpenRequests,
  type WebSocketOptions,
} from '../../proxy/index.js'
import type { RevocationLookup } from '../../revocation/index.js'
import type { TokenIdentity } from '../../token/index.js'
import type { Tracing } from '../../tracing/index.js'
import { type NoticeEndpoints, written } from '../identity-provider/notice-endpoints.js'
import type { KeyManagerEndpoint, KeyManagerEndpoints } from '../key-manager/endpoints.js'
import type { RevokeEndpoint } from '../key-manager/revoke-endpoint.js'
import type { UpgradeListener } from '../listeners/upgrades.js'
import { RequestLog } from '../log/request-log.js'
import type { RequestObserver } from '../log/request-observer.js'
import { allowOrigin, isPreflight, preflightHeaders } from './cors.js'
import { Credentials } from './credentials.js'
import type { Exchange } from './exchange.js'
import { type ExchangeContext, Forwarded, type ListenerRole } from './exchange-context.js'
import { NO_ENDPOINT, operationOf } from './find-operation.js'
import { HttpExchange } from './http-exchange.js'
import { forwardToKeyManager, revokeAtKeyManager } from './key-manager-calls.js'
import type { LoadShedding } from './load-shedding.js'
import { readRequest } from './read-request.js'
import { RevocationGate } from './revocation-gate.js'
import { type EndpointDefaults, type HeaderRules, UpstreamPlans, upstreamRequest } from './upstream-plans.js'
import { OpenWebSockets, WebSocketExchange } from './websocket-exchange.js'

export interface RequestHandlerOptions extends HeaderRules {
  readonly routes: RouteTable
  readonly authenticator: Authenticator & TokenNames
  readonly revocations: RevocationLookup
  /** Requests with a token that are under way, so that a revocation ends them; absent: it does not. */
  readonly openRequests?: OpenRequests<TokenIdentity> | undefined
  /** The WebSockets of the gateway; absent: those of this handler. */
  readonly openWebSockets?: OpenWebSockets
  /** `/token`, `/revoke` ... of a key manager; absent: 404, as for any path that no API has. */
  readonly keyManager?: { readonly endpoints: KeyManagerEndpoints; readonly revoke: RevokeEndpoint } | undefined
  /** Where identity providers say who has logged out; absent: nowhere. */
  readonly notices?: NoticeEndpoints | undefined
  readonly http: ForwardOptions
  /** How endpoints are chosen and repeated; absent: by default. */
  readonly endpoints?: EndpointDefaults | undefined
  readonly webSocket: WebSocketOptions
  /** What upstreams are told of the client. */
  readonly forwarding: Forwarding
  /** By what requests are found again in logs and at upstreams. */
  readonly tracing: Tracing
  /** The `server` header of the gateway's own answers; empty: none. */
  readonly serverHeader: string
  readonly maxUriLength: number
  /** Refuses requests when there are too many; absent: none. */
  readonly shedding?: LoadShedding | undefined
  /** Milliseconds for which a client may read nothing of a response; 0 or absent: no limit. */
  readonly clientTimeout?: number | undefined
  readonly metrics: RequestMetrics
  /** Told of each request when it is over; absent: nobody is. */
  readonly observers?: readonly RequestObserver[]
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
  readonly #credentials: Credentials
  readonly #plans: UpstreamPlans

  constructor(options: RequestHandlerOptions) {
    const { authenticator, revocations, openRequests, http, webSocket, metrics } = options
    const { forwarding, tracing, serverHeader } = options
    const log = new RequestLog(options.logging)
    const gate = new RevocationGate(revocations, log)
    const { openWebSockets = new OpenWebSockets(), observers = [] } = options
    this.#options = options
    this.#context = {
      ...{ log, metrics, observers, gate, openRequests, http, webSocket, openWebSockets },
      forwarded: new Forwarded(),
      ...{ forwarding, tracing, serverHeader },
    }
    this.#credentials = new Credentials({ authenticator, revocations, log }, (exchange, outcome) =>
      this.#authenticated(exchange, outcome),
    )
    this.#plans = new UpstreamPlans(options, {
      ...(options.endpoints ?? DEFAULT_ENDPOINT_RULES),
      report: (change, origin, time) => {
        log.endpointChanged(change, origin, time)
        metrics.endpointEvent(change, origin)
      },
      retried: (origin) => metrics.endpointEvent('retried', origin),
    })
  }

  /** What is known of the endpoints of each group that has been used. */
  get endpoints(): EndpointStatus[] {
    return this.#plans.endpoints
  }

  /** Resolves as soon as no request over HTTP is on its way to an upstream or back: none will need a connection then. */
  forwardedEnded(): Promise<void> {
    return this.#context.forwarded.allEnded()
  }

  /** Serves the requests of a listener over HTTP/1.1. */
  listener(role: ListenerRole): RequestListener {
    const { clientTimeout = 0 } = this.#options
    return (req, res) => this.#serve(new Http1Stream(req, res, clientTimeout), role)
  }

  /** Serves the requests of a listener over HTTP/2. */
  streamListener(role: ListenerRole): (stream: ClientStream) => void {
    return (stream) => this.#serve(stream, role)
  }

  #serve(stream: ClientStream, role: ListenerRole): void {
    const exchange = new HttpExchange(this.#context, stream, role)
    try {
      exchange.received()
      this.#receive(exchange)
    } catch (error) {
      exchange.fail(error)
    }
  }

  /** Serves the requests for WebSockets of a listener. */
  upgradeListener(role: ListenerRole): UpgradeListener {
    return (req, socket, head) => {
      const exchange = new WebSocketExchange(this.#context, req, socket, head, role)
      exchange.guard(() => {
        exchange.received()
        if (isWebSocketUpgrade(req)) this.#receive(exchange)
        else exchange.refuse(faults.badRequest, 'not-websocket')
      })
    }
  }

  #receive(exchange: Exchange): void {
    const { maxUriLength, http, keyManager, notices } = this.#options
    const { req, role } = exchange
    const target = readRequest(req, maxUriLength, http.maxBodyBytes)
    if ('fault' in target) return exchange.refuse(target.fault, target.reason)
    exchange.target = target
    const method = req.method ?? ''
    const isHealth = target.path === '/health' && (method === 'GET' || method === 'HEAD')
    const endpoint = role === 'http' ? undefined : keyManager?.endpoints.find(method, target.path)
    const isNotice = role !== 'http' && notices?.has(method, target.path) === true
    if (exchange.isWebSocket && (isHealth || endpoint !== undefined || isNotice)) {
      return exchange.refuse(faults.noApi, 'no-websocket-here')
    }
    if (isHealth) return exchange.answer(200, HEALTH_HEADERS, HEALTHY, 'health')
    if (isNotice) return this.#receiveNotice(exchange, notices)
    if (endpoint?.action !== 'revoke' && this.#options.shedding?.refuses() === true) {
      return exchange.refuse(faults.overloaded, 'overloaded')
    }
    if (endpoint !== undefined) return this.#callKeyManager(exchange, endpoint)
    const cors = role === 'http' ? undefined : keyManager?.endpoints.corsAt(target.path)
    if (isPreflight(req, cors)) return exchange.answer(204, preflightHeaders(req, cors), '', 'preflight')
    if (role === 'token') return exchange.refuse(faults.noApi, 'token-listener')
    this.#route(exchange)
  }

  #receiveNotice(exchange: Exchange, notices: NoticeEndpoints): void {
    notices.answer(exchange.target.path, exchange).then(
      (answer) => {
        const { headers, text } = written(answer)
        exchange.guard(() => exchange.answer(answer.status, headers, text, 'notice'))
      },
      (error) => exchange.fail(error),
    )
  }

  #callKeyManager(exchange: Exchange, endpoint: KeyManagerEndpoint): void {
    exchange.endpoint = endpoint
    allowOrigin(exchange, endpoint.cors)
    if (endpoint.action === 'forward') forwardToKeyManager(exchange, endpoint, NONE)
    // Its token is for the key manager itself: forwarded, and always in the standard header.
    else if (endpoint.action === 'authenticate') this.#credentials.authenticate(exchange, 'authorization')
    else revokeAtKeyManager(exchange, endpoint, this.#options.keyManager?.revoke)
  }

  #route(exchange: Exchange): void {
    const { req, role, target } = exchange
    const route = this.#options.routes.find(req.method ?? '', target.path)
    if ('api' in route) {
      exchange.api = route.api
      const { cors, transports } = route.api
      if (!transports.includes(role === 'http' ? 'http' : 'https')) return exchange.refuse(faults.noApi, 'transport')
      if (isPreflight(req, cors)) return exchange.answer(204, preflightHeaders(req, cors), '', 'preflight')
      allowOrigin(exchange, cors)
    }
    if (route.kind === 'method-not-allowed') {
      exchange.responseHeaders = [...exchange.responseHeaders, 'allow', route.allowed]
    }
    if (route.kind === 'match') exchange.match = route
    const operation = operationOf(route)
    if ('fault' in operation) return this.#refuseRoute(exchange, operation)
    const header = this.#headerOf(operation)
    if (operation.resource.secured) return this.#credentials.authenticate(exchange, header)
    const carried = this.#credentials.carriedBy(exchange, header)
    if (carried !== undefined) this.#toApi(exchange, operation, 'PRODUCTION', carried)
  }

  #refuseRoute(exchange: Exchange, { fault, reason }: Refused): void {
    const { match } = exchange
    if (match !== undefined) this.#context.log.notServed(exchange, match.api.name, match.resource)
    exchange.refuse(fault, reason)
  }

  #authenticated(exchange: Exchange, outcome: Authenticated | Refused): void {
    if (isRefused(outcome)) {
      this.#context.log.authentication(exchange, 'Authentication handler chain returned with value : false')
      return exchange.refuse(outcome.fault, outcome.reason)
    }
    exchange.token = outcome.identity
    const { match, endpoint } = exchange
    if (match !== undefined) this.#authorize(exchange, match, outcome)
    else if (endpoint !== undefined) forwardToKeyManager(exchange, endpoint, [outcome.identity])
  }

  #authorize(exchange: Exchange, match: Match, caller: Authenticated): void {
    if (!holdsScopes(match, caller.scopes)) return exchange.refuse(faults.scopeNotAllowed, 'scope')
    const others = this.#credentials.othersIn(exchange, this.#headerOf(match))
    if (others !== undefined) this.#toApi(exchange, match, caller.keyType, [caller.identity, ...others])
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
      return exchange.refuse(NO_ENDPOINT[keyType].fault, NO_ENDPOINT[keyType].reason)
    }
    if (plan.removed.has('authorization')) {
      this.#context.log.authentication(exchange, 'Removed header : Authorization from the request')
    }
    const upstream = upstreamRequest(plan, resource, exchange)
    if (upstream === undefined) return exchange.refuse(faults.upstreamSuspended, 'circuit-open')
    exchange.forward(upstream, identities, api.name)
  }
}

const NONE: readonly TokenIdentity[] = []
const HEALTHY = '{"status":"healthy"}'
const HEALTH_HEADERS = ['content-type', 'application/json', 'content-length', String(HEALTHY.length)]
