import { ALLOW_TOPIC, CORRECT_TOPIC, loginRejected } from '../../remedies.js'

const MESSAGES = {
  ERR_OPENWIRE_TRUNCATED: 'the bytes end before the value that they announce',
  ERR_OPENWIRE_MALFORMED: 'the bytes are not OpenWire',
  ERR_OPENWIRE_VALUE_TOO_LONG: 'a value is too long for OpenWire',
  ERR_OPENWIRE_FRAME_TOO_LONG: 'the broker sent a frame longer than the limit',
  ERR_OPENWIRE_BODY_TOO_LONG: "a message's body is longer than the limit",
  ERR_OPENWIRE_UNKNOWN_COMMAND: 'the broker sent an unexpected command',
  ERR_OPENWIRE_FOREIGN_PROTOCOL: 'expected OpenWire, found another protocol',
  ERR_OPENWIRE_VERSION: "the broker's OpenWire version is not supported",
  ERR_OPENWIRE_CONNECT_FAILED: 'the broker cannot be reached',
  ERR_OPENWIRE_CONNECT_TIMEOUT: 'the broker did not answer in time',
  ERR_OPENWIRE_CREDENTIALS_REFUSED: loginRejected('the broker', 'realtime'),
  ERR_OPENWIRE_ACCESS_DENIED: `the broker denies the subscription to this user: ${ALLOW_TOPIC}`,
  ERR_OPENWIRE_PUBLISHING_DENIED: 'the broker denies publishing to this user',
  ERR_OPENWIRE_NO_TOPIC: `the broker does not have the topic: ${CORRECT_TOPIC}`,
  ERR_OPENWIRE_REFUSED: 'the broker refuses the request',
  ERR_OPENWIRE_INACTIVE: 'the broker has been silent for too long',
  ERR_OPENWIRE_CLOSED: 'the broker closed the connection',
  ERR_OPENWIRE_ABORTED: 'the connection was given up',
} as const

/** What an {@link OpenWireError} is about. Stable: tests, logs and metrics go by it. */
export type OpenWireErrorCode = keyof typeof MESSAGES

const SLOW: ReadonlySet<OpenWireErrorCode> = new Set([
  'ERR_OPENWIRE_CREDENTIALS_REFUSED',
  'ERR_OPENWIRE_ACCESS_DENIED',
  'ERR_OPENWIRE_NO_TOPIC',
])

/**
 * The only error that the OpenWire consumer makes. `message` and `detail` never hold what a message or a broker's
 * answer said, for that may name users and tokens.
 */
export class OpenWireError extends Error {
  override readonly name = 'OpenWireError'
  readonly code: OpenWireErrorCode
  /** A person has to mend it (credentials, permissions): trying again soon is of no use. */
  readonly slow: boolean

  constructor(code: OpenWireErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? MESSAGES[code] : `${MESSAGES[code]}: ${detail}`, options)
    this.code = code
    this.slow = SLOW.has(code)
  }
}
