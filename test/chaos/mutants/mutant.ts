import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FaultKind } from '../faults.js'

/** What has to turn red: runs of the chaos test with these faults, or a test by its title. */
export type Catcher =
  | { readonly chaos: readonly FaultKind[]; readonly sees: RegExp }
  | { readonly test: string; readonly title: string }

/** A promise undone by one edit of what was built. */
export interface Mutant {
  /** What the gateway does then. */
  readonly name: string
  /** Which kind of promise it is; each kind has one mutant at least. */
  readonly promise: Promise
  /** Below `dist/src`. */
  readonly file: string
  /** Stands there once. */
  readonly find: string
  readonly replace: string
  readonly caughtBy: Catcher
}

export const PROMISES = [
  'topic',
  'known',
  'write-back',
  'acknowledgement',
  'durability',
  'unwritable journal',
  'unreadable journal',
  'lease',
  'waiting for the store',
  'clock',
  'listing pace',
  'restart',
  'one bad element',
  'empty answer',
  'connection ends',
  'open beside secured',
  'keys',
  'memory',
  'issuers',
  'last check',
  'cut-off member',
  'logs',
  'logout',
  'security events',
  'forwarding',
  'smuggling',
  'HTTP/2',
  'limits',
  'endpoints',
  'revocation endpoint',
  'spellings',
] as const
type Promise = (typeof PROMISES)[number]

/** Makes the edit in a copy of the build; returns what undoes it. Throws if the text does not stand there once. */
export function applyMutant({ name, file, find, replace }: Mutant, root: string): () => void {
  const path = join(root, 'dist/src', file)
  const text = readFileSync(path, 'utf8')
  const times = text.split(find).length - 1
  if (times !== 1) throw new Error(`not applied: "${name}": the text stands ${times} times in ${file}`)
  writeFileSync(
    path,
    text.replace(find, () => replace),
  )
  return () => writeFileSync(path, text)
}
