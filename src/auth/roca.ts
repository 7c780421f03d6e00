/**
 * Odd primes up to 167: whichever length a key has, the primorial that the vulnerable library builds its primes on is a
 * multiple of their product.
 */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
]
const GENERATOR = 65_537

/** By each prime: which residues are powers of the generator. */
const POWERS: readonly (readonly [prime: bigint, powers: ReadonlySet<number>])[] = PRIMES.map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power)
  return [BigInt(prime), powers]
})

/**
 * Whether an RSA modulus has the fingerprint of CVE-2017-15361 (ROCA), whose private keys can be computed: its primes are
 * k * M + (65537^a mod M) with M a primorial, so modulo each small prime the modulus is a power of 65537. After Nemec, Sys,
 * Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack" (2017), §3. One sound modulus in 240 million is taken
 * for a vulnerable one.
 */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)))
}

/** The smallest prime up to 167 that divides a modulus; a sound one has none. */
export function smallFactor(modulus: bigint): number | undefined {
  return [2, ...PRIMES].find((prime) => modulus % BigInt(prime) === 0n)
}
