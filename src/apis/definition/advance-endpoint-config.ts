import type { CircuitBreakerConfig, RetryConfig } from '../api.js'
import type { DefinitionNode } from './node.js'

/** What the `advanceEndpointConfig` of endpoints says. */
export interface AdvanceEndpointConfig {
  /** Milliseconds. */
  readonly timeout: number | undefined
  readonly retry: RetryConfig | undefined
  readonly circuitBreaker: CircuitBreakerConfig | undefined
}

/** The longest time that a timer of Node's can run, in ms. */
const MAX_TIME = 2 ** 31 - 1
const MAX_RETRIES = 100
/** Buckets of a circuit breaker's window: each endpoint has as many. */
const MAX_BUCKETS = 1_000
const CODES = 100

/** Keys that other versions of WSO2's gateway have, and what to do instead. */
const REMEDIES: Readonly<Record<string, string>> = {
  poolConfig: 'set [httpClients.poolConfig], which holds for all endpoints',
  circuitBreakers: 'circuitBreaker counts failures; [httpClients.poolConfig] maxActiveConnections limits connections',
  timeoutConfig: 'set timeoutInMillis',
}

/** Reads `advanceEndpointConfig`. Keys that have no effect are warned of. */
export function readAdvanceEndpointConfig(node: DefinitionNode): AdvanceEndpointConfig {
  warnOfOthers(node, ['timeoutInMillis', 'retryConfig', 'circuitBreaker'])
  return {
    timeout: number(node.get('timeoutInMillis'), { min: 1, max: MAX_TIME }),
    retry: readRetry(node.get('retryConfig')),
    circuitBreaker: readCircuitBreaker(node.get('circuitBreaker')),
  }
}

/** A factor and a longest interval of 0 are WSO2's way to say that there is none. */
function readRetry(node: DefinitionNode): RetryConfig | undefined {
  warnOfOthers(node, ['count', 'intervalInMillis', 'backOffFactor', 'maxWaitIntervalInMillis', 'statusCodes'])
  if (!(node.value instanceof Map)) return undefined
  return {
    count: number(node.get('count'), { min: 0, max: MAX_RETRIES }) ?? 0,
    interval: number(node.get('intervalInMillis'), { min: 0, max: MAX_TIME }) ?? 0,
    backOffFactor: number(node.get('backOffFactor'), { min: 0, max: 100, isWhole: false }) || 1,
    maxInterval: number(node.get('maxWaitIntervalInMillis'), { min: 0, max: MAX_TIME }) || 60_000,
    statusCodes: codes(node.get('statusCodes')),
  }
}

function readCircuitBreaker(node: DefinitionNode): CircuitBreakerConfig | undefined {
  warnOfOthers(node, ['rollingWindow', 'failureThreshold', 'resetTimeInMillis', 'statusCodes'])
  const window = node.get('rollingWindow')
  warnOfOthers(window, ['requestVolumeThreshold', 'timeWindowInMillis', 'bucketSizeInMillis'])
  if (!(node.value instanceof Map)) return undefined
  const timeWindow = number(window.get('timeWindowInMillis'), { min: 1, max: MAX_TIME }) ?? 60_000
  const bucketSize = number(window.get('bucketSizeInMillis'), { min: 1, max: MAX_TIME }) ?? Math.min(10_000, timeWindow)
  if (bucketSize > timeWindow || timeWindow / bucketSize > MAX_BUCKETS) {
    window.error(`timeWindowInMillis must be bucketSizeInMillis to ${MAX_BUCKETS} times as much`)
  }
  return {
    requestVolumeThreshold: number(window.get('requestVolumeThreshold'), { min: 1, max: 1_000_000 }) ?? 10,
    timeWindow,
    bucketSize,
    failureThreshold: number(node.get('failureThreshold'), { min: 0, max: 1, isWhole: false }) ?? 0.5,
    resetTime: number(node.get('resetTimeInMillis'), { min: 0, max: MAX_TIME }) ?? 10_000,
    statusCodes: codes(node.get('statusCodes')),
  }
}

function warnOfOthers(node: DefinitionNode, known: readonly string[]): void {
  for (const [key, entry] of node.entries()) {
    if (known.includes(key)) continue
    entry.warn(
      `${key} of endpoints is not supported and has no effect`,
      REMEDIES[key] ?? `${node.name} has ${known.join(', ')}`,
    )
  }
}

function codes(node: DefinitionNode): number[] {
  const items = node.items()
  if (items.length > CODES) node.error(`${node.name} must have at most ${CODES} status codes`)
  return items.flatMap((item) => number(item, { min: 100, max: 599 }, 'a status code') ?? [])
}

function number(
  node: DefinitionNode,
  { min, max, isWhole = true }: { min: number; max: number; isWhole?: boolean },
  what = node.name,
): number | undefined {
  if (!node.exists) return undefined
  const { value } = node
  if (typeof value === 'number' && value >= min && value <= max && (!isWhole || Number.isInteger(value))) return value
  node.error(`${what} must be a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}`)
  return undefined
}
