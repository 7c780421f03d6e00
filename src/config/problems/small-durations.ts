import { pathText, type Tree, valuesAt } from '../reading/tree.js'
import { knownKeys } from '../schema/keys.js'
import type { ConfigWarning } from './error.js'

/** Milliseconds below which a number without a unit was probably meant as seconds. */
const SUSPICIOUS_BELOW = 1_000

/** Warns of times that are numbers without a unit, so milliseconds, and so small that seconds were probably meant. */
export function warnOfSmallDurations(tree: Tree, warnings: ConfigWarning[]): void {
  for (const { table, name, note } of knownKeys) {
    if (note.unit !== 'ms') continue
    for (const { path, value } of valuesAt(tree, [...table.split('.'), name])) {
      const isBare = typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value))
      const ms = isBare ? Number(value) : 0
      if (!(ms > 0 && ms < SUSPICIOUS_BELOW)) continue
      warnings.push({
        path: pathText(path),
        message: `is ${ms} milliseconds`,
        remedy: `write "${ms}s" if seconds are meant, or "${ms}ms"`,
      })
    }
  }
}
