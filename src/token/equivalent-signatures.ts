/** The orders of the curves of RFC 7518 §3.4, and the bytes of one of a signature's two numbers. */
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
/** Bytes: RSA moduli are usually a multiple of 64 bits long. */
const MODULUS_STEP = 8

/**
 * Every signature that verifies whenever this one does, itself first. Computing them takes no key.
 *
 * - ES256/384/512: (r, n−s) verifies where (r, s) does.
 * - PS256/384/512: OpenSSL verifies a signature whose leading zero bytes were cut off (one in 256 has some).
 *
 * @param signature canonical base64url
 */
export function equivalentSignatures(alg: unknown, signature: string): string[] {
  if (typeof alg !== 'string') return [signature]
  const curve = Object.hasOwn(CURVES, alg) ? CURVES[alg] : undefined
  if (curve !== undefined) return withNegated(curve.order, curve.bytes, signature)
  return alg.startsWith('PS') ? withLeadingZeros(signature) : [signature]
}

function withNegated(order: bigint, bytes: number, signature: string): string[] {
  const pair = Buffer.from(signature, 'base64url')
  if (pair.length !== 2 * bytes) return [signature]
  const s = BigInt(`0x${pair.toString('hex', bytes)}`)
  if (s === 0n || s >= order) return [signature]
  const negated = (order - s).toString(16).padStart(2 * bytes, '0')
  return [signature, Buffer.concat([pair.subarray(0, bytes), Buffer.from(negated, 'hex')]).toString('base64url')]
}

/** Characters of the shortest signature of an RSA key. */
const SHORTEST_RSA = 342

/**
 * An RSA signature without its leading zero bytes, which OpenSSL verifies with RSA-PSS; any other text as it is.
 *
 * @param signature canonical base64url
 */
export function withoutLeadingZeros(signature: string): string {
  if (signature.length < SHORTEST_RSA || signature[0] !== 'A') return signature
  const bytes = Buffer.from(signature, 'base64url')
  const first = bytes.findIndex((byte) => byte !== 0)
  return first <= 0 ? signature : bytes.subarray(first).toString('base64url')
}

/** The signature as written, without leading zeros, and zero-padded to the length of a usual modulus. */
function withLeadingZeros(signature: string): string[] {
  const bytes = Buffer.from(signature, 'base64url')
  const first = bytes.findIndex((byte) => byte !== 0)
  if (first < 0) return [signature]
  const least = bytes.subarray(first)
  const full = Buffer.concat([Buffer.alloc(-least.length & (MODULUS_STEP - 1)), least])
  return [...new Set([signature, least.toString('base64url'), full.toString('base64url')])]
}
