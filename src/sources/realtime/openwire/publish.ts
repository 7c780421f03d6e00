import { randomUUID } from 'node:crypto'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Secret } from '../../../config/index.js'
import type { Broker } from '../broker.js'
import { connectionInfo, removeConnection, sessionInfo, shutdownInfo } from './commands.js'
import { OpenWireConnection } from './connection.js'
import { OpenWireError } from './error.js'
import { DEFAULT_HEARTBEAT, DEFAULT_MAX_FRAME_SIZE } from './source.js'
import { producerInfo, textMessage } from './text-message.js'

export interface OpenWireTarget {
  readonly topic: string
  /** Empty: no authentication. */
  readonly username: string
  readonly password: Secret
  readonly tls: TlsOptions
}

/** Publishes one text message to the topic. Resolves when the broker has answered it; rejects with OpenWireError. */
export async function publishOpenWire(
  { host, port, tls }: Broker,
  target: OpenWireTarget,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  const limits = { maxInactivity: DEFAULT_HEARTBEAT, maxFrameSize: DEFAULT_MAX_FRAME_SIZE }
  const connection = new OpenWireConnection(
    { host, port, tls: tls ? target.tls : undefined, ...limits },
    () => undefined,
  )
  const giveUp = () => connection.abort(new OpenWireError('ERR_OPENWIRE_CONNECT_TIMEOUT'))
  signal.addEventListener('abort', giveUp, { once: true })
  if (signal.aborted) giveUp()
  const identity = { connectionId: `ID:mgw-${randomUUID()}-1` }
  const anonymous = target.username === ''
  const login = {
    clientId: identity.connectionId,
    username: anonymous ? undefined : target.username,
    password: anonymous ? undefined : target.password.reveal(),
  }
  try {
    await connection.opened
    await connection.request(connectionInfo(identity, login), 'ERR_OPENWIRE_CREDENTIALS_REFUSED')
    await connection.request(sessionInfo(identity), 'ERR_OPENWIRE_ACCESS_DENIED')
    await connection.request(producerInfo(identity, target.topic), 'ERR_OPENWIRE_PUBLISHING_DENIED')
    await connection.request(textMessage(identity, target.topic, text, Date.now()), 'ERR_OPENWIRE_PUBLISHING_DENIED')
    for (const goodbye of [removeConnection(identity), shutdownInfo()]) connection.send(goodbye)
    await connection.end()
  } catch (error) {
    connection.abort(error instanceof OpenWireError ? error : new OpenWireError('ERR_OPENWIRE_ABORTED'))
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
