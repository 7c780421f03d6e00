import { randomFillSync } from 'node:crypto'

/** Where a request stands in a trace (W3C Trace Context, Level 1). */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits: of the span that sent the request. */
  readonly parentId: string
  /** Whether the sender may have recorded it. */
  readonly sampled: boolean
}

/** Of version 00, and the beginning of any later one (§3.2.4). */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const SAMPLED = 0x01

/** Reads a `traceparent` (§3.2). `undefined` for one that must be ignored, and its `tracestate` with it: several, too. */
export function readTraceparent(value: string | string[] | undefined): TraceContext | undefined {
  if (typeof value !== 'string') return undefined
  const parts = TRACEPARENT.exec(value)
  if (parts === null) return undefined
  const [, version = '', traceId = '', parentId = '', flags = '', more] = parts
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined
  if (isZero(traceId) || isZero(parentId)) return undefined
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 }
}

/** Writes a `traceparent` of version 00. */
export function writeTraceparent({ traceId, parentId, sampled }: TraceContext): string {
  return `00-${traceId}-${parentId}-${sampled ? '01' : '00'}`
}

/**
 * Starts a trace.
 *
 * @param ratio the share of traces that are sampled, 0 to 1
 */
export function startTrace(ratio: number): TraceContext {
  return { traceId: randomHex(TRACE_BYTES), parentId: randomHex(SPAN_BYTES), sampled: Math.random() < ratio }
}

/** An id for a span: 16 hexadecimal digits. */
export function makeSpanId(): string {
  return randomHex(SPAN_BYTES)
}

const TRACE_BYTES = 16
const SPAN_BYTES = 8
/** Asking the system for random bytes once for many ids: it costs more than all else here. */
const pool = Buffer.alloc(4_096)
let used = pool.length

/** Never all zeros: that is no id. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const hex = pool.toString('hex', used, used + bytes)
  used += bytes
  return isZero(hex) ? randomHex(bytes) : hex
}

function isZero(hex: string): boolean {
  return hex.charCodeAt(0) === ZERO && /^0+$/.test(hex)
}

const ZERO = 0x30
