import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type SecureContextOptions } from 'node:tls'

/** A broker's address. */
export interface Broker {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** Whom to trust, and who we are, over TLS. PEM or PKCS12, as Node's `tls` takes them. */
export interface BrokerTls extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase'> {
  /** Whether the certificate must be for the broker's host; `true` if absent. Its chain is verified in any case. */
  readonly verifyHostname?: boolean
}

/** Credentials or rights that the broker refused, or a topic that it does not have: retried, but slowly. */
export class BrokerRefusal extends Error {
  readonly code = 'ERR_BROKER_REFUSED'
  readonly slow = true
}

/** The broker, or the wire, broke the protocol; or another protocol is spoken there. */
export class BrokerProtocolError extends Error {
  readonly code = 'ERR_BROKER_PROTOCOL'
}

/** The options of Node's `tls.connect` that follow from `tls`, whichever host it is for. */
export function verification({ verifyHostname = true, ...material }: BrokerTls): ConnectionOptions {
  return { ...material, ...(verifyHostname ? {} : { checkServerIdentity: () => undefined }) }
}

/** As {@link verification}, for a broker of this host. */
export function tlsOptions(host: string, tls: BrokerTls): ConnectionOptions {
  // RFC 6066: server_name is a host's name, never an address.
  return { ...verification(tls), ...(isIP(host) === 0 ? { servername: host } : {}) }
}

/** Begins to connect. `ready` is called once bytes can be sent, which over TLS is after the handshake. */
export function openSocket(broker: Broker, tls: BrokerTls, ready: () => void): Socket {
  const { host, port } = broker
  if (!broker.tls) return connectTcp({ host, port, noDelay: true }, ready)
  const socket = connectTls({ ...tlsOptions(host, tls), host, port }, ready)
  socket.setNoDelay(true)
  return socket
}
