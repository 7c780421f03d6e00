/** A number that has no divisor in common with `count` and, near the golden section of it, spreads its multiples best. */
export function coprimeTo(count: number): number {
  let candidate = Math.max(1, Math.round(count * 0.618))
  while (divisor(candidate, count) > 1) candidate++
  return candidate
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
