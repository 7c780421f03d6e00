import { randomBytes } from 'node:crypto'
import { halfSipHash, type SipKey } from './half-sip-hash.js'

/** What an id names. Equal ids of different kinds have unrelated fingerprints. */
export type FingerprintKind = 'token' | 'subject' | 'client' | 'session' | 'issuer' | 'claims'

/** 64 bits that stand for an id: two signed 32-bit numbers. */
export interface Fingerprint {
  readonly hi: number
  readonly lo: number
}

/** Bytes of a seed. */
export const SEED_BYTES = 8

/** The tag that a kind's key is derived from. It is part of the journal's format: never renumber. */
const KINDS: Readonly<Record<FingerprintKind, string>> = {
  token: '\u0001',
  subject: '\u0002',
  client: '\u0003',
  session: '\u0004',
  issuer: '\u0005',
  claims: '\u0006',
}
const OF_AN_ISSUER = '\u0010'

/**
 * Names ids by keyed 64-bit hashes (HalfSipHash-2-4 over the id's UTF-8 bytes). Each installation has its own random
 * seed: without it nobody can find two ids that collide, nor one that collides with a victim's.
 *
 * An id that is not listed matches an entry by chance with odds of n / 2^64 a look-up. A request looks up at most 4 ids of
 * its token among n = 20 million (4.3e-12) and, typically, 6 names among a million rules (3.3e-13): 1 in 210 billion. Where
 * records name issuers, it looks up as many again among those.
 */
export class Fingerprinter {
  readonly #seed: Buffer
  readonly #keys: Readonly<Record<FingerprintKind, SipKey>>
  readonly #issuersKeys: Readonly<Record<FingerprintKind, SipKey>>

  /** @param seed {@link SEED_BYTES} bytes: the installation's own, stored with its fingerprints */
  constructor(seed: Uint8Array) {
    if (seed.length !== SEED_BYTES) throw new TypeError(`seed must have ${SEED_BYTES} bytes`)
    this.#seed = Buffer.from(seed)
    const root = { k0: this.#seed.readInt32LE(0), k1: this.#seed.readInt32LE(4) }
    this.#keys = keys(root, '')
    this.#issuersKeys = keys(root, OF_AN_ISSUER)
  }

  /** A fingerprinter with a random seed. */
  static random(): Fingerprinter {
    return new Fingerprinter(randomBytes(SEED_BYTES))
  }

  /** A copy of the seed. It is a secret: it lets an attacker make ids that collide. */
  get seed(): Buffer {
    return Buffer.from(this.#seed)
  }

  /** The fingerprint of an id. Allocates only its result for an ASCII id. */
  of(kind: FingerprintKind, id: string): Fingerprint {
    return halfSipHash(this.#keys[kind], id)
  }

  /** The fingerprint of an id that means something for this issuer alone; unrelated to that of the bare id. */
  ofIssuer(issuer: string, kind: FingerprintKind, id: string): Fingerprint {
    return halfSipHash(this.#issuersKeys[kind], `${issuer.length}:${issuer}${id}`)
  }
}

function keys(root: SipKey, tag: string): Readonly<Record<FingerprintKind, SipKey>> {
  const derive = (kind: FingerprintKind): SipKey => {
    const { hi, lo } = halfSipHash(root, tag + KINDS[kind])
    return { k0: hi, k1: lo }
  }
  return {
    token: derive('token'),
    subject: derive('subject'),
    client: derive('client'),
    session: derive('session'),
    issuer: derive('issuer'),
    claims: derive('claims'),
  }
}
