import type { Cors, Secret } from '../config/index.js'
import type { DefinitionProblem } from './definition/problem.js'

/** How a client may reach an API: the plain listener, the TLS one, or both. */
export type Transport = 'http' | 'https'

/** An API, as its OpenAPI definition or an `[[apis]]` entry declares it. Immutable. */
export interface Api {
  readonly name: string
  readonly version: string
  /** Literal, without a trailing slash: `/petstore/v1`; empty for an API at the root. */
  readonly basePath: string
  readonly resources: readonly Resource[]
  /** The header that carries the token, in lower case, where it is not the gateway's own. */
  readonly authHeader: string | undefined
  readonly transports: readonly Transport[]
  readonly cors: Cors | undefined
  /** Its upstream tells paths apart by every character: what is asked of one path is not asked of its other spellings. */
  readonly strictUpstream: boolean
  /** Where it was declared, for messages. */
  readonly file: string
}

/** One operation: a method on a path. */
export interface Resource {
  /** Upper case; `*` for every method that is not declared by itself (but CONNECT and TRACE). */
  readonly method: string
  /** The path's template, below the base path: `/pet/{petId}`. A last segment `*` stands for any rest. */
  readonly template: string
  /** The template below its API's base path, as messages and metrics name it: `/petstore/v1/pet/{petId}`. */
  readonly fullTemplate: string
  /** How much of a request's path is the base path. */
  readonly basePathLength: number
  /** Whether a token is needed. */
  readonly secured: boolean
  readonly scopes: ScopeAlternatives
  /** Why no request may get to it: its definition asks for what the gateway cannot check. Absent: it is served. */
  readonly unserved: DefinitionProblem | undefined
  /** Whether a value in its path may hold an escaped slash (`%2F`), which then separates nothing. */
  readonly encodedSlash: boolean
  /** At least one of the two is there. */
  readonly production: Endpoints | undefined
  readonly sandbox: Endpoints | undefined
}

/**
 * The scopes that a token needs: *all* scopes of *any one* of the alternatives. None: no scope is needed.
 *
 * Two requirements of `security`, and also two scopes under one scheme, are alternatives: that is WSO2's reading
 * ("at least one of them"), while OpenAPI itself asks for all scopes of a scheme. A definition where the readings
 * differ is loaded with a warning. Two OAuth 2 schemes in *one* requirement are both needed, in either reading.
 */
export type ScopeAlternatives = readonly (readonly string[])[]

/** The upstreams of a resource, for one kind of token. */
export interface Endpoints {
  readonly type: 'http' | 'load_balance' | 'failover'
  readonly urls: readonly [Endpoint, ...Endpoint[]]
  /** What the upstream itself asks for: RFC 7617. */
  readonly credentials: BasicCredentials | undefined
  /** How long an upstream may take to answer, in ms, where the definition says. */
  readonly timeout: number | undefined
  /** As the definition says; absent: as the gateway's configuration says. */
  readonly retry?: RetryConfig | undefined
  readonly circuitBreaker?: CircuitBreakerConfig | undefined
}

/** WSO2's `retryConfig`: requests that an upstream failed are sent once more. Times in ms. */
export interface RetryConfig {
  readonly count: number
  /** Before the same upstream is tried again. */
  readonly interval: number
  readonly backOffFactor: number
  readonly maxInterval: number
  /** Answers that count as failures. */
  readonly statusCodes: readonly number[]
}

/** WSO2's `circuitBreaker`: an upstream that fails too often is not called for a while. Times in ms. */
export interface CircuitBreakerConfig {
  readonly requestVolumeThreshold: number
  readonly timeWindow: number
  readonly bucketSize: number
  /** From 0 to 1. */
  readonly failureThreshold: number
  readonly resetTime: number
  /** Answers that count as failures. */
  readonly statusCodes: readonly number[]
}

/** Where an upstream is. `ws` and `wss` are written as the `http` and `https` that they upgrade from. */
export interface Endpoint {
  /** Scheme, host and port: `https://petstore.example:8443`. */
  readonly origin: string
  /** What comes before the request's own path: `/v2`; empty for an upstream at the root. No trailing slash. */
  readonly pathname: string
  /** Parameters that every request gets, and that no client can set: `kind=cat&limit=3`. Absent: none. */
  readonly query?: string
}

export interface BasicCredentials {
  readonly username: string
  readonly password: Secret
}

/** Whether every caller who may call `these` may call `those`, too. */
export function covers(these: Resource, those: Resource): boolean {
  if (these.unserved !== undefined) return true
  if (those.unserved !== undefined) return false
  if (!those.secured) return true
  return these.secured && implies(these.scopes, those.scopes)
}

/** Equal for resources that ask for the same. */
export function demandOf({ secured, scopes, unserved }: Resource): string {
  return JSON.stringify([secured, scopes, unserved !== undefined])
}

/** Whether every token with the one set of scopes has the other, too. */
export function implies(held: ScopeAlternatives, needed: ScopeAlternatives): boolean {
  if (needed.length === 0) return true
  return held.length > 0 && held.every((all) => needed.some((some) => some.every((scope) => all.includes(scope))))
}
