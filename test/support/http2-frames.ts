import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:tls'
import type { Test } from 'tap'

/** Raw HTTP/2 for clients that break the rules: frames are written and read as they are (RFC 9113 §4.1). */

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

/** Fields as literals that are never indexed and never compressed (RFC 7541 §6.2.2): any bytes, in Latin-1. */
export function block(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]))
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length), bytes])
}

/** With a prefix of 7 bits (RFC 7541 §5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.of(value)
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128)
  return Buffer.of(...bytes, rest)
}

/** The pseudo-headers of a request. */
export function pseudo(path: string, method = 'GET'): [string, string][] {
  return [
    [':method', method],
    [':scheme', 'https'],
    [':authority', 'gateway'],
    [':path', path],
  ]
}

export function headers(stream: number, fields: readonly (readonly [string, string])[], endStream = true): Buffer {
  return frame(TYPE.headers, FLAG.endHeaders | (endStream ? FLAG.endStream : 0), stream, block(fields))
}

export function windowUpdate(stream: number, by: number): Buffer {
  return frame(TYPE.windowUpdate, 0, stream, uint32(by))
}

export function reset(stream: number, code: number): Buffer {
  return frame(TYPE.reset, 0, stream, uint32(code))
}

export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6)
  for (const [i, [id, value]] of pairs.entries()) {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  }
  return frame(TYPE.settings, 0, 0, payload)
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A raw connection. */
export class RawHttp2 {
  readonly socket: Socket
  /** What came, in its order. */
  readonly frames: Frame[] = []
  /** Resolves when the connection is closed. */
  readonly closed: Promise<unknown>
  #rest = Buffer.alloc(0)
  #changed: () => void = () => undefined
  #isClosed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => socket.once('close', resolve))
    socket.once('close', () => {
      this.#isClosed = true
      this.#changed()
    })
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** Resolves with the first such frame, also one that came before; `undefined`: the connection was closed without. */
  async frame(wanted: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const found = this.frames.find(wanted)
      if (found !== undefined || this.#isClosed) return found
      await new Promise<void>((resolve) => {
        this.#changed = resolve
      })
    }
  }

  /** How a stream was answered: the status, `reset` with its code, or `closed` with the connection. */
  async answer(stream: number): Promise<string> {
    const wanted = await this.frame(
      ({ type, stream: of }) =>
        (of === stream && (type === TYPE.headers || type === TYPE.reset)) || type === TYPE.goAway,
    )
    if (wanted === undefined) return 'closed'
    if (wanted.type === TYPE.headers) return statusOf(wanted.payload)
    return wanted.type === TYPE.reset ? `reset ${wanted.payload.readUInt32BE()}` : `closed ${codeOf(wanted)}`
  }

  #take(chunk: Buffer): void {
    let rest = Buffer.concat([this.#rest, chunk])
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3)
      if (rest.length < end) break
      const [type, flags, stream] = [rest.readUInt8(3), rest.readUInt8(4), rest.readUInt32BE(5) & 0x7fffffff]
      this.frames.push({ type, flags, stream, payload: rest.subarray(9, end) })
      rest = rest.subarray(end)
    }
    this.#rest = rest
    this.#changed()
  }
}

/** The error code of a GOAWAY. */
export function codeOf({ payload }: Frame): number {
  return payload.readUInt32BE(4)
}

/** Opens a raw connection: with its preface and these settings, acknowledged or not. */
export async function rawHttp2(t: Pick<Test, 'teardown'>, port: number, first: Buffer = settings()): Promise<RawHttp2> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  await once(socket, 'secureConnect')
  const raw = rawHttp2Over(t, socket, first)
  await raw.frame(({ type }) => type === TYPE.settings)
  return raw
}

/** The same over a connection that is open, or opening, with TLS or without. */
export function rawHttp2Over(t: Pick<Test, 'teardown'>, socket: Socket, first: Buffer = settings()): RawHttp2 {
  t.teardown(() => socket.destroy())
  const raw = new RawHttp2(socket)
  raw.send(Buffer.from(PREFACE), first)
  return raw
}

/** Statuses that HPACK's static table has (RFC 7541, appendix A), from index 8 on. */
const INDEXED = ['200', '204', '206', '304', '400', '404', '500']

/** The status of a response's header block, whose first field it is. */
function statusOf(payload: Buffer): string {
  const first = payload.readUInt8(0)
  if (first & 0x80) return INDEXED[(first & 0x7f) - 8] ?? '?'
  const length = payload.readUInt8(1)
  const value = payload.subarray(2, 2 + (length & 0x7f))
  return length & 0x80 ? huffmanDigits(value) : value.toString('latin1')
}

/** HPACK's code for digits: 0, 1 and 2 have five bits, the others six. */
function huffmanDigits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let digits = ''
  while (digits.length < 3) {
    const five = Number.parseInt(bits.slice(0, 5), 2)
    digits += five < 3 ? five : Number.parseInt(bits.slice(0, 6), 2) - 0x19 + 3
    bits = bits.slice(five < 3 ? 5 : 6)
  }
  return digits
}
