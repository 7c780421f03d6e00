import { namingKey, readKeyStore, readTrustStore } from '../certificates/index.js'
import type { Config } from '../config/index.js'
import { type HttpClientOptions, sharedTls } from '../http-client/index.js'
import type { WebSocketOptions } from '../proxy/index.js'
import type { EndpointDefaults } from '../server/index.js'
import { workerCount } from './inputs.js'

/** How the gateway connects to upstreams, issuers and the key manager. */
export async function readClientOptions({ httpClients, listenerConfig, server }: Config): Promise<HttpClientOptions> {
  const { sslConfig, poolConfig, verifyHostname, disableSslVerification } = httpClients
  const { connectTimeout, responseTimeout, idleTimeout } = httpClients
  const [section, { trustStorePath, trustStorePassword }] =
    sslConfig.trustStorePath === undefined ? ['listenerConfig', listenerConfig] : ['httpClients.sslConfig', sslConfig]
  const trusted =
    trustStorePath === undefined
      ? undefined
      : await namingKey(`${section}.trustStorePath`, () => readTrustStore(trustStorePath, trustStorePassword))
  const { keyStorePath, keyStorePassword } = sslConfig
  const own =
    keyStorePath === undefined
      ? undefined
      : await namingKey('httpClients.sslConfig.keyStorePath', () => readKeyStore(keyStorePath, keyStorePassword))
  const share = Math.ceil(poolConfig.maxActiveConnections / workerCount(server.workers))
  return {
    ...own,
    ...(trusted === undefined ? {} : { ca: trusted.certificates.map(({ pem }) => pem) }),
    verifyHostname,
    disableSslVerification,
    connectTimeout,
    responseTimeout,
    idleTimeout,
    maxConnectionAge: poolConfig.maxConnectionAge,
    ...(poolConfig.maxActiveConnections < 0 ? {} : { maxConnections: share }),
  }
}

/** How WebSockets are forwarded. An idle one is closed after the listener's time-out. */
export function webSocketOptions({ listenerConfig, httpClients }: Config, client: HttpClientOptions): WebSocketOptions {
  return {
    tls: sharedTls(client),
    connectTimeout: httpClients.connectTimeout,
    answerTimeout: httpClients.responseTimeout,
    idleTimeout: listenerConfig.timeout,
  }
}

/** How endpoints are chosen, and requests repeated, where their definition does not say. */
export function endpointDefaults({ httpClients }: Config): EndpointDefaults {
  const { endpointHealth, retryBudget, retryConfig, circuitBreaker } = httpClients
  return {
    maxFailures: endpointHealth.maxFailures,
    ejectionTime: endpointHealth.ejectionTime,
    maxEjectionTime: endpointHealth.maxEjectionTime,
    failureStatusCodes: endpointHealth.statusCodes,
    retryBudget,
    retry: retryConfig && {
      count: retryConfig.count,
      interval: retryConfig.intervalInMillis,
      backOffFactor: retryConfig.backOffFactor,
      maxInterval: retryConfig.maxWaitIntervalInMillis,
      statusCodes: retryConfig.statusCodes,
    },
    circuitBreaker: circuitBreaker && {
      requestVolumeThreshold: circuitBreaker.rollingWindow.requestVolumeThreshold,
      timeWindow: circuitBreaker.rollingWindow.timeWindowInMillis,
      bucketSize: circuitBreaker.rollingWindow.bucketSizeInMillis,
      failureThreshold: circuitBreaker.failureThreshold,
      resetTime: circuitBreaker.resetTimeInMillis,
      statusCodes: circuitBreaker.statusCodes,
    },
  }
}
