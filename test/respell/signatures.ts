import type { Random } from '../chaos/random.js'
import type { Issued } from '../support/issuer.js'

/** The order of each curve's group, and the bytes of one number (RFC 7518 §3.4; for Ed25519 RFC 8032 §5.1). */
const CURVES: Readonly<Record<string, { readonly order: bigint; readonly bytes: number }>> = {
  ES256: { order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n, bytes: 32 },
  ES384: {
    order: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    bytes: 48,
  },
  ES512: {
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    bytes: 66,
  },
}
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** (r, n−s): it verifies wherever the signature does. `undefined` for other algorithms. */
export function negated({ algorithm, jwt }: Issued): string | undefined {
  const curve = CURVES[algorithm]
  if (curve === undefined) return undefined
  const { r, s } = pair(jwt, curve.bytes)
  return encode(r, curve.order - s, curve.bytes)
}

/** Another signature that stands for the same numbers, or that a lax verifier might take for them. */
export function congruent(issued: Issued, random: Random): string | undefined {
  const { algorithm, jwt, modulus } = issued
  const bytes = signature(jwt)
  const curve = CURVES[algorithm]
  if (curve !== undefined) return congruentPair(jwt, curve, random)
  if (modulus !== undefined) {
    const more = (number(bytes) + modulus * BigInt(random.between(1, 255))).toString(16)
    const zeros = Buffer.concat([Buffer.alloc(random.between(1, 8)), bytes])
    const first = bytes.findIndex((byte) => byte !== 0)
    const forms = [zeros, Buffer.from(more.padStart(more.length + (more.length & 1), '0'), 'hex')]
    return random.pick(first > 0 ? [...forms, bytes.subarray(first)] : forms).toString('base64url')
  }
  // Little-endian: S + L, with room for a few times L below 2^256.
  const scalar = number(Buffer.from(bytes.subarray(32)).reverse()) + ED25519_ORDER * BigInt(random.between(1, 14))
  const least = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
  return Buffer.concat([bytes.subarray(0, 32), least]).toString('base64url')
}

function congruentPair(jwt: string, { order, bytes }: { order: bigint; bytes: number }, random: Random): string {
  const { r, s } = pair(jwt, bytes)
  const wide = bytes + random.between(1, 4)
  const negative = order - s
  return random.pick([
    () => der(r, s),
    () => der(r, negative),
    () => encode(r, s, wide),
    () => encode(r, negative, wide),
    () => encode(r + order, s, bytes + 1),
    () => encode(r, s + order, bytes + 1),
    () => encode(order - r, s, bytes),
    () => encode(s, r, bytes),
  ])()
}

function signature(jwt: string): Buffer {
  return Buffer.from(jwt.split('.')[2] ?? '', 'base64url')
}

function pair(jwt: string, bytes: number): { r: bigint; s: bigint } {
  const both = signature(jwt)
  return { r: number(both.subarray(0, bytes)), s: number(both.subarray(bytes)) }
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

function encode(r: bigint, s: bigint, bytes: number): string {
  return Buffer.from([r, s].map((each) => each.toString(16).padStart(2 * bytes, '0')).join(''), 'hex').toString(
    'base64url',
  )
}

/** What OpenSSL makes of a pair, ASN.1's DER. */
function der(r: bigint, s: bigint): string {
  const integers = Buffer.concat(
    [r, s].map((each) => {
      const hex = each.toString(16)
      const bytes = Buffer.from(hex.padStart(hex.length + (hex.length & 1), '0'), 'hex')
      const positive = (bytes[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes
      return Buffer.concat([Buffer.from([2, positive.length]), positive])
    }),
  )
  const length = integers.length > 0x7f ? [0x81, integers.length] : [integers.length]
  return Buffer.concat([Buffer.from([0x30, ...length]), integers]).toString('base64url')
}
