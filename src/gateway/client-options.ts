import { readKeyStore, readTrustStore } from '../certificates/index.js'
import type { Config } from '../config/index.js'
import { type HttpClientOptions, sharedTls } from '../http-client/index.js'
import type { WebSocketOptions } from '../proxy/index.js'
import { workerCount } from './inputs.js'

/** How the gateway connects to upstreams, issuers and the key manager. */
export async function readClientOptions({ httpClients, listenerConfig, server }: Config): Promise<HttpClientOptions> {
  const { sslConfig, poolConfig, verifyHostname, disableSslVerification } = httpClients
  const { connectTimeout, responseTimeout, idleTimeout } = httpClients
  const trustStore = sslConfig.trustStorePath ?? listenerConfig.trustStorePath
  const password =
    sslConfig.trustStorePath === undefined ? listenerConfig.trustStorePassword : sslConfig.trustStorePassword
  const trusted = trustStore === undefined ? undefined : await readTrustStore(trustStore, password)
  const own =
    sslConfig.keyStorePath === undefined ? {} : await readKeyStore(sslConfig.keyStorePath, sslConfig.keyStorePassword)
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
