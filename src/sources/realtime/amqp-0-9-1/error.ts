import { ALLOW_TOPIC, CORRECT_TOPIC, correctInUrl, loginRejected } from '../../remedies.js'
import { BrokerProtocolError, BrokerRefusal } from '../broker/broker.js'

/** Reply codes of AMQP 0-9-1 (1.1, constants) that a broker ends a connection or a channel with. */
const REPLIES: Readonly<Record<string, string>> = {
  311: 'CONTENT_TOO_LARGE',
  320: 'CONNECTION_FORCED',
  402: 'INVALID_PATH',
  403: 'ACCESS_REFUSED',
  404: 'NOT_FOUND',
  405: 'RESOURCE_LOCKED',
  406: 'PRECONDITION_FAILED',
  501: 'FRAME_ERROR',
  502: 'SYNTAX_ERROR',
  503: 'COMMAND_INVALID',
  504: 'CHANNEL_ERROR',
  505: 'UNEXPECTED_FRAME',
  506: 'RESOURCE_ERROR',
  530: 'NOT_ALLOWED',
  540: 'NOT_IMPLEMENTED',
  541: 'INTERNAL_ERROR',
}
/** Those that only an operator can end, by another password, right, virtual host or topic. */
const REFUSALS = new Set(['402', '403', '404', '406', '530', '540'])

/** What to do about refusals that come once the login has succeeded. */
const REMEDIES: Readonly<Record<string, string>> = {
  403: ALLOW_TOPIC,
  404: `${CORRECT_TOPIC}, or ${correctInUrl('defaultTopicExchange')}`,
  406: correctInUrl('defaultTopicExchange, which names an exchange of another type,'),
  530: correctInUrl('the virtual host'),
}

/** The login is what the opening is about; amqplib passes the code on in its text. */
const LOGIN_REFUSED = /^Handshake terminated by server: 403\b/
/** amqplib's ways to say that a broker ended the conversation; only some of its errors carry the code. */
const REPLY_IN_TEXT = /\b(?:replyCode: ?|by server: |Operation failed: \S+ )(\d{3})\b/
const FRAME_TOO_LONG = /^Frame size (\d+) exceeds/
/** The last step of the opening is that of the virtual host; amqplib does not pass its code on. */
const HOST_REFUSED = /^Expected ConnectionOpenOk; got <ConnectionClose\b/
const MECHANISM_MISSING = /^SASL mechanism/

/** Turns an error of amqplib into one of ours, without the text that it took from the wire. */
export function toBrokerError(error: unknown): Error {
  if (!(error instanceof Error)) return new BrokerProtocolError('the connection was lost')
  const reply = replyCode(error)
  if (reply !== undefined) {
    const answered = `answered ${reply} ${REPLIES[reply] ?? ''}`.trim()
    if (LOGIN_REFUSED.test(error.message)) {
      return new BrokerRefusal(`${loginRejected('the broker', 'realtime')} (it ${answered})`)
    }
    const remedy = REMEDIES[reply]
    const text = `the broker ${answered}`
    if (!REFUSALS.has(reply)) return new BrokerProtocolError(text)
    return new BrokerRefusal(remedy === undefined ? text : `${text}: ${remedy}`)
  }
  const size = FRAME_TOO_LONG.exec(error.message)?.[1]
  if (size !== undefined) return new BrokerProtocolError(`expected AMQP 0-9-1, found ${foreignProtocol(Number(size))}`)
  if (HOST_REFUSED.test(error.message))
    return new BrokerRefusal(
      `the broker refused the virtual host: ${correctInUrl('it')}, or give this user access to it`,
    )
  if (MECHANISM_MISSING.test(error.message)) return new BrokerRefusal('the broker does not offer SASL PLAIN')
  return error
}

function replyCode(error: Error): string | undefined {
  const code = 'code' in error && typeof error.code === 'number' ? String(error.code) : undefined
  return code ?? REPLY_IN_TEXT.exec(error.message)?.[1]
}

/**
 * Names the protocol whose bytes 3 to 6 were taken for the size of a frame: "P", 3, 1, 0 of `AMQP 3 1 0`, say.
 */
export function foreignProtocol(size: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(size)
  if (bytes[0] === 0x50 && bytes[1] === 0x2f) return 'HTTP'
  if (bytes[0] === 0x50) return bytes[2] === 1 ? 'AMQP 1.0 (use an amqp10:// URL)' : 'another version of AMQP'
  // OpenWire begins with a size of 4 bytes, the command 1 and its magic, "ActiveMQ".
  if (bytes.subarray(1).equals(Buffer.from([0x01, 0x41, 0x63]))) return 'OpenWire (use a tcp:// URL)'
  return 'an unknown protocol, or frames of an impossible length'
}
