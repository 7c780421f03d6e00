import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import { type Command, encodeFrame, keepAliveInfo } from './commands.js'
import { OpenWireError, type OpenWireErrorCode } from './error.js'
import { FrameAssembler, LONGEST_FRAME } from './frames.js'
import { startHeartbeat } from './heartbeat.js'
import { decodeLong, decodeReceived, type MessageListener, type Received } from './received.js'
import {
  decodeWireFormatInfo,
  encodeWireFormatInfo,
  foreignProtocol,
  looksLikeWireFormatInfo,
  negotiatedVersion,
} from './wire-format.js'

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  /** TLS when given; `host` is the name that the certificate is checked against, unless `servername` says another. */
  readonly tls: TlsOptions | undefined
  /** Milliseconds of silence after which either side takes the other for dead. */
  readonly maxInactivity: number
  /** Bytes that are kept of a frame, without the size itself: a message in a longer one is passed over. */
  readonly maxFrameSize: number
}

interface Pending {
  readonly refusal: OpenWireErrorCode
  readonly resolve: () => void
  readonly reject: (error: OpenWireError) => void
}

const GREETING = 16
const CLOSE_TIMEOUT = 1_000
/** What may wait to be sent. We send little: a broker that leaves so much unread reads nothing. */
const MAX_UNSENT = 1024 * 1024
/** The exceptions that mean "not with these credentials", whichever login module the broker uses. */
const SECURITY_EXCEPTION = /Security|Login|Auth|Credential/

/**
 * One connection to a broker: negotiates the wire format, matches responses to requests, keeps the connection alive
 * and notices when it is not. Whatever ends it, it ends once, with a named error; it never throws at its socket.
 */
export class OpenWireConnection {
  /** Resolves when both sides have agreed on a wire format; rejects with OpenWireError. */
  readonly opened: Promise<void>
  /** Settles once, when the connection has ended: with the reason, or `undefined` if `end` ended it. Never rejects. */
  readonly closed: Promise<OpenWireError | undefined>

  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #listener: MessageListener
  readonly #assembler: FrameAssembler
  readonly #pending = new Map<number, Pending>()
  readonly #opening: { resolve: () => void; reject: (error: OpenWireError) => void }
  #closing: (reason: OpenWireError | undefined) => void = () => undefined
  #phase: 'connecting' | 'negotiating' | 'open' | 'ending' | 'closed' = 'connecting'
  #greeting = Buffer.alloc(0)
  #lastCommandId = 0
  #receivedAt = performance.now()
  #stopHeartbeat: () => void = () => undefined

  constructor(options: ConnectionOptions, listener: MessageListener) {
    this.#options = options
    this.#listener = listener
    this.#assembler = new FrameAssembler(options.maxFrameSize)
    const opening = { resolve: (): void => undefined, reject: (_: OpenWireError): void => undefined }
    this.opened = new Promise((resolve, reject) => Object.assign(opening, { resolve, reject }))
    this.opened.catch(() => undefined) // `closed` tells of it too; nobody has to look at both
    this.#opening = opening
    this.closed = new Promise((resolve) => {
      this.#closing = resolve
    })
    this.#socket = this.#dial()
  }

  /** Sends a command without waiting for anything. */
  send(command: Command): void {
    this.#write(command, false)
  }

  /**
   * Sends a command and waits for the broker's response. Rejects with OpenWireError: `refusal` when the broker's
   * answer is about credentials or permissions, ERR_OPENWIRE_REFUSED for any other exception.
   */
  request(command: Command, refusal: OpenWireErrorCode): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#phase !== 'open') {
        reject(new OpenWireError('ERR_OPENWIRE_CLOSED'))
        return
      }
      this.#pending.set(this.#write(command, true), { refusal, resolve, reject })
    })
  }

  /** Closes after what was sent has left; by force if the broker does not close its side soon. */
  async end(): Promise<void> {
    if (this.#phase === 'open') {
      this.#phase = 'ending'
      this.#stopHeartbeat()
      const force = setTimeout(() => this.#close(undefined), CLOSE_TIMEOUT)
      this.#socket.end()
      await this.closed
      clearTimeout(force)
    } else if (this.#phase !== 'ending') {
      this.abort(new OpenWireError('ERR_OPENWIRE_ABORTED'))
    }
    await this.closed
  }

  /** Closes at once, for this reason. */
  abort(reason: OpenWireError): void {
    this.#close(reason)
  }

  #dial(): Socket {
    const { host, port, tls } = this.#options
    // Node sends the name of the host (SNI) only when told to; an address is no name.
    const servername = isIP(host) === 0 ? { servername: host } : {}
    const socket = tls === undefined ? connectTcp({ host, port }) : connectTls({ ...servername, ...tls, host, port })
    let cause: Error | undefined
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => this.#greet())
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (error) => {
      cause = error
    })
    socket.once('close', () => this.#close(this.#reasonOfClose(cause)))
    return socket
  }

  /** We speak first: some brokers find out the protocol by the client's first bytes. */
  #greet(): void {
    if (this.#phase !== 'connecting') return
    this.#phase = 'negotiating'
    this.#socket.setNoDelay(true)
    this.#socket.write(encodeWireFormatInfo(this.#options.maxInactivity, LONGEST_FRAME))
  }

  #reasonOfClose(cause: Error | undefined): OpenWireError | undefined {
    const options = cause === undefined ? {} : { cause }
    if (this.#phase === 'ending') return undefined
    if (this.#phase === 'connecting') return new OpenWireError('ERR_OPENWIRE_CONNECT_FAILED', undefined, options)
    if (this.#phase === 'negotiating' && this.#greeting.length > 0) return this.#foreign()
    return new OpenWireError('ERR_OPENWIRE_CLOSED', undefined, options)
  }

  #receive(chunk: Buffer): void {
    this.#receivedAt = performance.now()
    try {
      if (this.#phase === 'negotiating') this.#recognize(chunk)
      for (const { bytes, isCut } of this.#assembler.push(chunk)) {
        if (this.#phase === 'negotiating') this.#negotiate(bytes)
        else this.#react(isCut ? decodeLong(bytes) : decodeReceived(bytes))
        if (this.#phase === 'closed') return
      }
    } catch (error) {
      this.#close(error instanceof OpenWireError ? error : malformed(error))
    }
  }

  /** Says what is at this port as soon as its first bytes show that it is not OpenWire. */
  #recognize(chunk: Buffer): void {
    const missing = GREETING - this.#greeting.length
    if (missing > 0) this.#greeting = Buffer.concat([this.#greeting, chunk.subarray(0, missing)])
    if (this.#greeting.length < 4) return
    const size = this.#greeting.readInt32BE(0)
    const fits = size > 0 && size <= this.#options.maxFrameSize
    if (!fits || !looksLikeWireFormatInfo(this.#greeting.subarray(4))) throw this.#foreign()
  }

  #foreign(): OpenWireError {
    const name = foreignProtocol(this.#greeting)
    return new OpenWireError('ERR_OPENWIRE_FOREIGN_PROTOCOL', name ?? 'one that is not known')
  }

  #negotiate(frame: Buffer): void {
    negotiatedVersion(decodeWireFormatInfo(frame))
    this.#phase = 'open'
    this.#stopHeartbeat = startHeartbeat({
      maxInactivity: this.#options.maxInactivity,
      receivedAt: () => this.#receivedAt,
      ping: () => this.#write(keepAliveInfo(), true),
      dead: () => this.#close(new OpenWireError('ERR_OPENWIRE_INACTIVE')),
    })
    this.#opening.resolve()
  }

  #react(received: Received): void {
    switch (received.kind) {
      case 'dispatch':
        if (received.message !== undefined) this.#listener.message(received.message)
        break
      case 'too-long':
        this.#listener.tooLong(received.message)
        break
      case 'keep-alive':
        if (received.responseRequired) this.send(keepAliveInfo())
        break
      case 'response':
        this.#settled(received.correlationId)?.resolve()
        break
      case 'exception': {
        const pending = this.#settled(received.correlationId)
        pending?.reject(refused(received.exception, pending.refusal))
        break
      }
      case 'connection-error':
        this.#close(refused(received.exception, 'ERR_OPENWIRE_ACCESS_DENIED'))
        break
      case 'closing':
        if (this.#phase === 'open') this.#close(new OpenWireError('ERR_OPENWIRE_CLOSED'))
        break
    }
  }

  #settled(correlationId: number): Pending | undefined {
    const pending = this.#pending.get(correlationId)
    this.#pending.delete(correlationId)
    return pending
  }

  #write(command: Command, responseRequired: boolean): number {
    this.#lastCommandId = (this.#lastCommandId + 1) & 0x7fff_ffff
    if (this.#phase === 'open') {
      this.#socket.write(encodeFrame(command, this.#lastCommandId, responseRequired))
      if (this.#socket.writableLength > MAX_UNSENT) this.#close(new OpenWireError('ERR_OPENWIRE_INACTIVE'))
    }
    return this.#lastCommandId
  }

  #close(reason: OpenWireError | undefined): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#stopHeartbeat()
    this.#socket.destroy()
    const error = reason ?? new OpenWireError('ERR_OPENWIRE_CLOSED')
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
    this.#opening.reject(error)
    this.#closing(reason)
  }
}

function refused(exception: string, refusal: OpenWireErrorCode): OpenWireError {
  if (exception.includes('InvalidDestinationException')) return new OpenWireError('ERR_OPENWIRE_NO_TOPIC')
  return new OpenWireError(SECURITY_EXCEPTION.test(exception) ? refusal : 'ERR_OPENWIRE_REFUSED', exception)
}

function malformed(cause: unknown): OpenWireError {
  return new OpenWireError('ERR_OPENWIRE_MALFORMED', undefined, { cause })
}
