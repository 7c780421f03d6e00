import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  ensureSelfSigned,
  hasSelfSigned,
  type KeyStore,
  namingKey,
  readKeyPair,
  readKeyStore,
} from '../certificates/index.js'
import type { Config } from '../config/index.js'
import { codeOf, hasCode } from '../error-code.js'
import type { Logging } from '../logging/index.js'
import type { ListenerRefusals } from '../metrics/index.js'
import { AddressList } from '../proxy/index.js'
import {
  Connections,
  type Listener,
  type ListenerRole,
  type ListenerTls,
  listen,
  ProxyProtocol,
  type RequestObserver,
  reportTurnedAway,
} from '../server/index.js'
import type { Listening } from './applications.js'
import { mostConnections } from './open-files.js'

/** Opens the listeners; calls `onOpened` with each. Throws {@link ListenFailure} for what the configuration can fix. */
export async function openListeners(
  { listenerConfig, http2, keyManager }: Config,
  tls: ListenerTls,
  handler: Listening,
  refusals: ListenerRefusals,
  logging: Logging,
  observers: readonly RequestObserver[],
  onOpened: (listener: Listener) => void,
): Promise<{ http: Listener; https: Listener; token: Listener | undefined }> {
  const limits = {
    maxHeaderSize: listenerConfig.maxHeaderSize,
    maxUriLength: listenerConfig.maxUriLength,
    timeout: listenerConfig.timeout,
    keepAlive: listenerConfig.keepAlive !== 'NEVER',
    maxPipelinedRequests: listenerConfig.maxPipelinedRequests,
  }
  const trustedProxies = new AddressList(listenerConfig.trustedProxies)
  const connections = clientConnections(listenerConfig, trustedProxies, logging)
  const proxyProtocol = listenerConfig.proxyProtocol
    ? new ProxyProtocol(trustedProxies, logging('Listener'))
    : undefined
  const open = async (
    role: ListenerRole,
    key: 'httpPort' | 'httpsPort' | 'tokenListenerPort',
    tls?: ListenerTls,
  ): Promise<Listener> => {
    const { host, [key]: port } = listenerConfig
    const options = {
      host,
      port,
      limits,
      connections,
      proxyProtocol,
      refusals,
      onRequest: handler.listener(role),
      onStream: http2.enable ? handler.streamListener(role) : undefined,
      onUpgrade: handler.upgradeListener(role),
      onTurnedAway: reportTurnedAway(observers, role !== 'http'),
      onError: (error: Error) => logging('Listener').error('listener error', error, { port }),
    }
    const start = () => listen(tls === undefined ? options : { ...options, tls })
    const listener = await opened(start, { section: 'listenerConfig', key, host, port })
    onOpened(listener)
    return listener
  }
  return {
    http: await open('http', 'httpPort'),
    https: await open('https', 'httpsPort', tls),
    token: keyManager === undefined ? undefined : await open('token', 'tokenListenerPort', tls),
  }
}

/** The connections of all listeners of this process. */
function clientConnections(
  config: Config['listenerConfig'],
  trustedProxies: AddressList,
  logging: Logging,
): Connections {
  const { maxConnections, maxConnectionsPerClient, minResponseRate, responseGracePeriod } = config
  const limit = (configured: number) => (configured === 0 ? Number.POSITIVE_INFINITY : configured)
  const limits = {
    most: maxConnections === 'auto' ? mostConnections() : limit(maxConnections),
    mostOfClient: limit(maxConnectionsPerClient),
    trustedProxies,
    pace: minResponseRate === 0 ? undefined : { bytesPerSecond: minResponseRate, grace: responseGracePeriod },
  }
  return new Connections(limits, logging('Listener'))
}

/**
 * TLS of the HTTPS listeners, with a self-signed certificate, which is made if need be, if there is no other.
 *
 * @param own what {@link ownCertificate} read
 */
export async function listenerTls(config: Config, own: KeyStore | undefined): Promise<ListenerTls> {
  const { key, cert } = own ?? (await selfSigned(config.server.stateDirectory))
  const versions = config.mutualSSLConfig.protocolVersions
  const [minVersion = 'TLSv1.2', maxVersion = 'TLSv1.3'] = [versions.at(0), versions.at(-1)]
  return { key, cert, minVersion, maxVersion }
}

/** Whether the configuration names a certificate for the HTTPS listeners. */
export function hasCertificate({ listenerConfig }: Pick<Config, 'listenerConfig'>): boolean {
  return listenerConfig.certFile !== undefined || listenerConfig.keyStorePath !== undefined
}

/** The self-signed certificate of listeners without another one: read, or created. Throws {@link StateDirectoryError}. */
export async function selfSigned(stateDirectory: string) {
  try {
    return await ensureSelfSigned(stateDirectory)
  } catch (cause) {
    throw new StateDirectoryError(stateDirectory, cause)
  }
}

/** Throws what {@link selfSigned} would, without creating anything. */
export async function trySelfSigned(stateDirectory: string): Promise<void> {
  try {
    if (!(await hasSelfSigned(stateDirectory))) await tryToWrite(stateDirectory)
  } catch (cause) {
    throw new StateDirectoryError(stateDirectory, cause)
  }
}

/** Throws the file system's error if files cannot be created in a directory, which may have to be created as well. */
export async function tryToWrite(directory: string): Promise<void> {
  try {
    if (!(await stat(directory)).isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
    await access(directory, constants.W_OK | constants.X_OK)
  } catch (error) {
    const parent = dirname(directory)
    if (!hasCode(error, 'ENOENT') || parent === directory) throw error
    await tryToWrite(parent)
  }
}

/** The certificate that the configuration names, if any. */
export async function ownCertificate({ listenerConfig }: Pick<Config, 'listenerConfig'>) {
  const { certFile, keyFile, keyStorePath, keyStorePassword } = listenerConfig
  if (certFile !== undefined && keyFile !== undefined) {
    const read = () => readKeyPair(certFile, keyFile, keyStorePassword)
    return namingKey('listenerConfig.certFile and keyFile', read)
  }
  if (keyStorePath === undefined) return undefined
  return namingKey('listenerConfig.keyStorePath', () => readKeyStore(keyStorePath, keyStorePassword))
}

/** Messages by the code of Node's error. */
const WRONG: Readonly<Record<string, (section: string, key: string, host: string, port: number) => string>> = {
  EADDRINUSE: (section, key, host, port) =>
    `${section}.${key}: port ${port} of ${host} is in use; stop the program that uses it, or choose another port`,
  EACCES: (section, key, _, port) =>
    `${section}.${key}: no permission to bind port ${port}; choose one above 1023, or grant the permission`,
  EADDRNOTAVAIL: (section, _, host) =>
    `${section}.host: ${host} is not an address of this machine; "0.0.0.0" means all of them`,
  ENOTFOUND: (section, _, host) =>
    `${section}.host: cannot resolve ${host}; "0.0.0.0" means all addresses of this machine`,
}

/** Opens a listener. Throws {@link ListenFailure} for what the configuration can fix, other errors unchanged. */
export async function opened<Listener>(
  open: () => Promise<Listener>,
  at: { readonly section: string; readonly key: string; readonly host: string; readonly port: number },
): Promise<Listener> {
  try {
    return await open()
  } catch (error) {
    const code = codeOf(error) ?? ''
    const message = WRONG[code]?.(at.section, at.key, at.host, at.port)
    throw message === undefined ? error : new ListenFailure(code, at.port, message, error)
  }
}

/** A listener cannot be opened. Names the key and the remedy; has the code of Node's error. */
class ListenFailure extends Error {
  readonly code: string
  /** The configured port. */
  readonly port: number

  constructor(code: string, port: number, message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'ListenFailure'
    this.code = code
    this.port = port
  }
}

/** Why a directory cannot be written, by the code of the file system's error. */
const NOT_WRITABLE: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EEXIST: 'it is not a directory, or below a file',
  ENOTDIR: 'it is not a directory, or below a file',
}

/** `[server] stateDirectory` is not writable. */
class StateDirectoryError extends Error {
  readonly code = 'ERR_STATE_DIRECTORY'

  constructor(directory: string, cause: unknown) {
    const code = codeOf(cause) ?? 'unknown error'
    const why = NOT_WRITABLE[code] ?? code
    super(`server.stateDirectory: cannot write to ${directory}: ${why}; name a directory that this user may write to`)
    this.name = 'StateDirectoryError'
  }
}
