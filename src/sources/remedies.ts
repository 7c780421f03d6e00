import { isIP } from 'node:net'
import { connect } from 'node:tls'
import { codeOf } from '../error-code.js'

/** The keys by which a source is configured, as its errors name them. */
export interface SourceKeys {
  readonly caFile: string
  readonly url: string
  /** How the URL is written for a connection with TLS, and for one without. */
  readonly tlsUrl: string
  readonly plainUrl: string
}

/** Where a connection was tried. */
export interface Peer {
  /** For people: `the broker`, or `etcd at http://localhost:2379`. */
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** The peer of an http or https URL. */
export function peerAt(url: string, name: string): Peer {
  const { protocol, hostname, port } = new URL(url)
  const tls = protocol === 'https:'
  return { name, host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (tls ? 443 : 80) : Number(port), tls }
}

const PERSISTENT = 'tokenRevocationConfig.persistent'
const REALTIME = 'tokenRevocationConfig.realtime'

/** The keys of a store that is called by HTTP or gRPC. */
export const STORE_KEYS: SourceKeys = {
  caFile: `${PERSISTENT}.caFile`,
  url: `${PERSISTENT}.endpointURL`,
  tlsUrl: 'https://',
  plainUrl: 'http://',
}

/** The keys of a broker whose URL is written so. */
export function brokerKeys(tlsUrl: string, plainUrl: string): SourceKeys {
  return { caFile: `${REALTIME}.caFile`, url: `${REALTIME}.jmsConnectionProviderUrl`, tlsUrl, plainUrl }
}

/** What to do about a topic that a broker does not have, or denies. */
export const CORRECT_TOPIC = `correct ${REALTIME}.jmsConnectionTopic`
export const ALLOW_TOPIC = `allow this user to read the topic, or ${CORRECT_TOPIC}`

/** What to do about a part of the broker's URL. */
export function correctInUrl(part: string): string {
  return `correct ${part} in ${REALTIME}.jmsConnectionProviderUrl`
}

/** The one wording of a login that a source refuses. `name` is that of the broker or store. */
export function loginRejected(name: string, source: 'realtime' | 'persistent'): string {
  const keys =
    source === 'realtime'
      ? `${REALTIME}.jmsConnectionUsername and jmsConnectionPassword`
      : `${PERSISTENT}.username and password`
  return `${name} rejected the user name or password: correct ${keys}`
}

const UNKNOWN_AUTHORITY = /self[- ]signed certificate|unable to (verify the first|get( local)? issuer) certificate/i
const NOT_TLS = /wrong version number|packet length too long|record layer failure|unknown protocol/i
const CUT = /disconnected before secure TLS connection|ECONNRESET|EPIPE|other side closed/i
/** No server is there, or it says nothing: TLS is not what is wrong. */
const UNREACHED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|TIMEDOUT|TIMEOUT|deadline|_IDLE|_INACTIVE|ABORTED/i

/**
 * What to change in the configuration so that `peer` can be reached, where the error of the attempt tells. After a
 * connection that broke, the peer is asked by a handshake whether it speaks TLS; nothing else is sent to it.
 */
export async function connectionRemedy(
  error: unknown,
  { name, host, port, tls }: Peer,
  keys: SourceKeys,
): Promise<string | undefined> {
  const said = chainOf(error)
  if (tls) {
    if (UNKNOWN_AUTHORITY.test(said)) {
      return `the certificate of ${name} is not from a trusted authority: name the PEM file of its authority in ${keys.caFile}`
    }
    const plain = `write ${keys.plainUrl} in ${keys.url}`
    if (NOT_TLS.test(said)) return `${name} does not speak TLS at this port: ${plain}, or the port that does`
    if (CUT.test(said) && !(await speaksTls(host, port)))
      return `${name} ended the TLS handshake: if its port does not speak TLS, ${plain}`
    return undefined
  }
  if (UNREACHED.test(said) || !(await speaksTls(host, port))) return undefined
  return `${name} speaks TLS at this port: write ${keys.tlsUrl} in ${keys.url}`
}

const MAX_CAUSES = 5

/** Codes and messages of an error and its causes. */
function chainOf(error: unknown): string {
  const parts: string[] = []
  for (let current = error; current instanceof Error && parts.length < MAX_CAUSES; current = current.cause) {
    parts.push(`${current.message} ${codeOf(current) ?? ''}`)
  }
  return parts.join('\n')
}

const HANDSHAKE_TIMEOUT = 1_000

/** Whether a TLS handshake is answered there. Whoever it is, nothing is told to it. */
function speaksTls(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const servername = isIP(host) === 0 ? { servername: host } : {}
    const socket = connect({ host, port, ...servername, rejectUnauthorized: false, timeout: HANDSHAKE_TIMEOUT })
    const end = (answer: boolean) => {
      resolve(answer)
      socket.destroy()
    }
    socket.once('secureConnect', () => end(true))
    socket.once('timeout', () => end(false))
    // A server that asks for a client's certificate refuses us in TLS.
    socket.on('error', (error) => end(/alert/i.test(error.message)))
    socket.once('close', () => end(false))
  })
}
