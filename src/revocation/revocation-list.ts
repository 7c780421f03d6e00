import {
  canonicalIds,
  claimSetOf,
  claimsFingerprint,
  type Fingerprint,
  type Fingerprinter,
  type IdentityNames,
  type TokenIdentity,
} from '../token/index.js'
import { ClaimSets } from './claim-sets.js'
import {
  ENTRY_KINDS,
  ENTRY_WORDS,
  type Entry,
  type EntryBlock,
  type EntryKind,
  join,
  type RuleEntry,
  readEntry,
  SOURCE_BITS,
  SOURCE_MASK,
  type TokenEntry,
  toBytes,
  toWords,
  unitOf,
  writeEntry,
} from './entry.js'
import type { Revocation } from './lookup.js'
import type { RevocationRecord, RuleRevocation, TokenRevocation } from './record.js'
import { believedExpiry, keptUntil, type Retention } from './retention.js'
import { Rules } from './rules.js'
import { SegmentedTable } from './segmented-table.js'
import { SourceNames } from './source-names.js'

/** With 20 million tokens a segment holds 20,000, in 400 KB. */
const TOKEN_SEGMENTS = 1024
/** Entries of a block that {@link RevocationList.export} yields, at most. */
const BLOCK_ENTRIES = 4096

export interface RevocationListOptions extends Retention {
  readonly fingerprints: Fingerprinter
  /** The time that retention is counted by (epoch ms); by default each record's `now`. */
  readonly retained?: () => number
}

/**
 * Revoked tokens, and rules that revoke the tokens of subjects, clients, sessions, issuers and by claims. Records only add up: any order and
 * any repetition make the same list, and only time removes an entry. Kept in typed arrays outside the JavaScript heap:
 * 16 bytes and some free space a token, however long its id. A kind of which there is none costs a look-up one comparison.
 */
export class RevocationList {
  readonly sources = new SourceNames()
  readonly #options: RevocationListOptions
  /** The sets of claims that rules name: another list must have them before it imports entries. */
  readonly claimSets = new ClaimSets()
  readonly #rules = new Rules()
  readonly #tables: Readonly<Record<EntryKind, SegmentedTable>> = {
    token: new SegmentedTable(ENTRY_WORDS.token, TOKEN_SEGMENTS),
    issuerToken: new SegmentedTable(ENTRY_WORDS.issuerToken, TOKEN_SEGMENTS),
    foldedToken: new SegmentedTable(ENTRY_WORDS.foldedToken, TOKEN_SEGMENTS),
    ...this.#rules.tables,
  }
  readonly #listeners = new Set<(entry: Entry) => void>()
  readonly #scratch = new Uint32Array(ENTRY_WORDS.rule)
  #swept = 0

  constructor(options: RevocationListOptions) {
    if (!(options.retention > 0)) throw new TypeError('retention must be above 0')
    this.#options = options
  }

  /** Number of names of tokens and of rules, including expired ones that are not swept yet. */
  get size(): { readonly tokens: number; readonly rules: number } {
    const { token, issuerToken, foldedToken, rule, issuerRule, claimsRule } = this.#tables
    return {
      tokens: token.size + issuerToken.size + foldedToken.size,
      rules: rule.size + issuerRule.size + claimsRule.size,
    }
  }

  /** Bytes of what {@link export} yields. */
  get exportedBytes(): number {
    return ENTRY_KINDS.reduce((sum, kind) => sum + 4 * this.#tables[kind].size * this.#tables[kind].width, 0)
  }

  /** Number of entries by kind, as {@link size} counts them. */
  get kinds(): Readonly<Record<EntryKind, number>> {
    const sizes = ENTRY_KINDS.map((kind) => [kind, this.#tables[kind].size])
    return Object.fromEntries(sizes) as Record<EntryKind, number>
  }

  /** Bytes of memory that the entries take. */
  get bytes(): number {
    return ENTRY_KINDS.reduce((sum, kind) => sum + this.#tables[kind].bytes, 0)
  }

  /** Calls `listener`, synchronously, with each entry that {@link add}, {@link addEntry} or {@link touch} changed. */
  onChange(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Adds a source's record. Throws `TooManyClaimSets` for a rule about claims that no token could be looked up for.
   *
   * @param source the source's name
   * @returns how many entries are new, or revoke more or for longer; 0 if nothing changed
   */
  add(record: RevocationRecord, source: string, now: number): number {
    const until = keptUntil(believedExpiry(record.expiresAt, now), this.#retained(now), this.#options)
    const common = { keptUntil: until, learntAt: now, source: this.sources.index(source) }
    if (record.kind !== 'token') {
      const isNewSet =
        record.kind === 'claims' && this.claimSets.add(claimSetOf(record.claims, record.iss ?? undefined))
      const entry = { ...this.#nameOf(record), ...common, revokedBefore: record.revokedBefore }
      if (this.addEntry(entry)) return 1
      // The entry was there and its set was not, which a damaged journal had lost: it revokes from now on.
      if (isNewSet) this.#changed(entry.kind, entry)
      return isNewSet ? 1 : 0
    }
    let changes = 0
    for (const name of this.#namesOfToken(record)) if (this.addEntry({ ...name, ...common })) changes++
    return changes
  }

  /** The entries that there are under the names of a record. */
  entriesOf(record: RevocationRecord): Entry[] {
    const names = record.kind === 'token' ? this.#namesOfToken(record) : [this.#nameOf(record)]
    return names.flatMap((name) => this.entry(name.kind, name) ?? [])
  }

  /** The entry of a fingerprint, if there is one. */
  entry(kind: EntryKind, name: Fingerprint): Entry | undefined {
    const segment = this.#tables[kind].segmentOf(name.lo)
    const at = segment.find(name.hi, name.lo)
    return at < 0 ? undefined : readEntry(kind, segment.words, at)
  }

  /** Adds an entry of another list with the same seed. Returns whether it revokes more, or for longer, than before. */
  addEntry(entry: Entry): boolean {
    writeEntry(entry, this.#scratch, 0)
    const changed = this.#join(entry.kind, this.#scratch, 0)
    if (changed) this.#changed(entry.kind, entry)
    return changed
  }

  /**
   * Why a token is refused; `undefined` if it is not revoked (then nothing is allocated). Ignores the clock: an entry
   * revokes until {@link sweep} removes it.
   */
  find(token: TokenIdentity): Revocation | undefined {
    return (
      this.#findToken(this.#tables.token, token) ??
      this.#findToken(this.#tables.issuerToken, token.ofIssuer) ??
      this.#findFolded(token) ??
      this.#findRule(token)
    )
  }

  #findToken(table: SegmentedTable, { ids }: IdentityNames): Revocation | undefined {
    if (table.isEmpty) return undefined
    for (const id of ids) if (isListed(table, id)) return this.#revocation(id.by, table, id)
    return undefined
  }

  #findFolded(token: TokenIdentity): Revocation | undefined {
    const table = this.#tables.foldedToken
    if (table.isEmpty) return undefined
    for (const name of token.folded) if (isListed(table, name)) return this.#revocation('token', table, name)
    for (const name of token.ofIssuer.folded) if (isListed(table, name)) return this.#revocation('token', table, name)
    return undefined
  }

  #findRule(token: TokenIdentity): Revocation | undefined {
    const rule = this.#rules.find(token, this.claimSets.all)
    return rule && this.#revocation(rule.by, this.#tables[rule.kind], rule)
  }

  /**
   * Keeps a token's revocation for as long as the token may be presented: call it when the token is refused. Where no source
   * knew the expiry, the token's own counts; without one, retention is renewed once a day. Returns whether anything changed.
   */
  touch(token: TokenIdentity, now: number): boolean {
    const until = keptUntil(token.expiresAt, this.#retained(now), this.#options)
    let changed = false
    for (const id of token.ids) if (this.#prolong('token', id, until)) changed = true
    for (const id of token.ofIssuer.ids) if (this.#prolong('issuerToken', id, until)) changed = true
    for (const name of [...token.folded, ...token.ofIssuer.folded])
      if (this.#prolong('foldedToken', name, until)) changed = true
    const rule = this.#rules.find(token, this.claimSets.all)
    if (rule !== undefined && this.#prolong(rule.kind, rule, until)) changed = true
    return changed
  }

  /**
   * Removes expired entries for about `budget` ms; the next call continues where this one ended.
   *
   * @param expired tokens that expired before (epoch ms) are certainly accepted no more: for entries with a known expiry
   * @param retained the time that retention is counted by
   * @returns how many it removed, and whether it reached the end of the list (the next call starts over)
   */
  sweep(expired: number, budget: number, retained = expired): { removed: number; finished: boolean } {
    const by = { unit: unitOf(expired), retainedUnit: unitOf(retained) }
    const started = performance.now()
    const tables = ENTRY_KINDS.map((kind) => this.#tables[kind])
    let removed = 0
    do {
      removed += inOneTable(tables, this.#swept, (table, index) => table.sweepSegment(index, by)) ?? 0
      this.#swept = (this.#swept + 1) % tables.reduce((sum, table) => sum + table.segments, 0)
    } while (this.#swept !== 0 && performance.now() - started < budget)
    return { removed, finished: this.#swept === 0 }
  }

  /**
   * All entries, in blocks of bounded length. The list may change between two blocks: an entry added meanwhile is in a later
   * block, or was passed to {@link onChange}'s listeners, or both.
   */
  *export(): Generator<EntryBlock> {
    for (const kind of ENTRY_KINDS) {
      const table = this.#tables[kind]
      for (let index = 0; index < table.segments; index++) {
        const words = table.packSegment(index)
        const step = BLOCK_ENTRIES * table.width
        for (let at = 0; at < words.length; at += step)
          yield { kind, bytes: toBytes(words.subarray(at, Math.min(at + step, words.length))) }
      }
    }
  }

  /**
   * Adds a block of another list with the same seed.
   *
   * @param translation maps the block's source numbers to ours ({@link SourceNames.translation})
   * @param tell whether to tell listeners about changes; they must not change the list meanwhile
   * @returns how many entries changed
   */
  import({ kind, bytes }: EntryBlock, translation?: Uint8Array, tell = false): number {
    const words = toWords(bytes)
    const width = ENTRY_WORDS[kind]
    const scratch = this.#scratch
    let changes = 0
    for (let at = 0; at + width <= words.length; at += width) {
      for (let i = 0; i < width; i++) scratch[i] = words[at + i] as number
      if (translation !== undefined) translateSource(scratch, translation)
      if (!this.#join(kind, scratch, 0)) continue
      changes++
      if (tell) this.#changed(kind, { hi: (scratch[0] as number) | 0, lo: (scratch[1] as number) | 0 })
    }
    return changes
  }

  #retained(now: number): number {
    return this.#options.retained?.() ?? now
  }

  #namesOfToken(record: TokenRevocation): (Fingerprint & { readonly kind: TokenEntry['kind'] })[] {
    const { fingerprints } = this.#options
    const iss = record.iss ?? undefined
    const nameOf = (each: string) =>
      iss === undefined ? fingerprints.of('token', each) : fingerprints.ofIssuer(iss, 'token', each)
    const kind = iss === undefined ? 'token' : 'issuerToken'
    const { ids, folded } = canonicalIds(record.id)
    const names = ids.map((each) => ({ kind, ...nameOf(each) }) as const)
    return folded === undefined ? names : [...names, { kind: 'foldedToken', ...nameOf(folded) }]
  }

  #nameOf(record: RuleRevocation): Fingerprint & { readonly kind: RuleEntry['kind'] } {
    const { fingerprints } = this.#options
    if (record.kind === 'issuer') return { kind: 'issuerRule', ...fingerprints.of('issuer', record.iss) }
    const iss = record.iss ?? undefined
    if (record.kind === 'claims') return { kind: 'claimsRule', ...claimsFingerprint(record.claims, iss, fingerprints) }
    return iss === undefined
      ? { kind: 'rule', ...fingerprints.of(record.kind, record.id) }
      : { kind: 'issuerRule', ...fingerprints.ofIssuer(iss, record.kind, record.id) }
  }

  #join(kind: EntryKind, from: Uint32Array, at: number): boolean {
    const table = this.#tables[kind]
    const [hi, lo] = [from[at] as number, from[at + 1] as number]
    const segment = table.segmentOf(lo)
    const slot = table.place(segment, hi, lo)
    return join(segment.words, slot, from, at, table.width)
  }

  #prolong(kind: EntryKind, name: Fingerprint, until: number): boolean {
    const entry = this.entry(kind, name)
    return entry !== undefined && this.addEntry({ ...entry, keptUntil: until })
  }

  #changed(kind: EntryKind, { hi, lo }: Fingerprint): void {
    if (this.#listeners.size === 0) return
    const segment = this.#tables[kind].segmentOf(lo)
    const entry = readEntry(kind, segment.words, segment.find(hi, lo))
    for (const listener of this.#listeners) listener(entry)
  }

  #revocation(by: Revocation['by'], table: SegmentedTable, { hi, lo }: Fingerprint): Revocation {
    return {
      by,
      source: this.sources.name(table.read(hi, lo, 2) & SOURCE_MASK),
      learntAt: table.read(hi, lo, 3) * 1000,
    }
  }
}

function isListed(table: SegmentedTable, { hi, lo }: Fingerprint): boolean {
  return table.read(hi, lo, 2) !== 0
}

/** Treats the segments of several tables as one sequence. */
function inOneTable<T>(
  tables: readonly SegmentedTable[],
  index: number,
  act: (table: SegmentedTable, index: number) => T,
): T | undefined {
  let rest = index
  for (const table of tables) {
    if (rest < table.segments) return act(table, rest)
    rest -= table.segments
  }
  return undefined
}

function translateSource(words: Uint32Array, translation: Uint8Array): void {
  const word = words[2] as number
  const ours = translation[word & SOURCE_MASK] ?? SOURCE_MASK
  words[2] = (((word >>> SOURCE_BITS) << SOURCE_BITS) | ours) >>> 0
}
