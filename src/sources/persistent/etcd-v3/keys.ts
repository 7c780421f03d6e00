import type { RevocationRecord } from '../../../revocation/index.js'
import { readRecord, readToken, recordsPrefix } from '../etcd/records.js'
import { siblingEnd } from './range.js'

/** The keys of one directory, and what each of them says. */
export interface KeyRange {
  readonly name: 'tokens' | 'records'
  readonly start: Buffer
  readonly end: Buffer
  read(key: Buffer, value: Buffer, now: number): RevocationRecord | undefined
}

/** What a gateway that starts puts as the value of the prefix itself, for a minute: it names no token. */
export const MARK = Buffer.from('no token: a gateway has started')

/** Whether a key is such a mark, and not one that somebody meant to be read. */
export function isMark({ start }: KeyRange, key: Buffer, value: Buffer): boolean {
  return key.length === start.length && value.equals(MARK)
}

/** Beyond every key. */
const LAST = Buffer.of(0xff, 0xff)

/** The two directories of a prefix: the tokens below it, and the records beside it. */
export function keyRanges(prefix: string): readonly KeyRange[] {
  return [range('tokens', prefix, readToken), range('records', recordsPrefix(prefix), readRecord)]
}

function range(name: KeyRange['name'], directory: string, read: typeof readRecord): KeyRange {
  const start = Buffer.from(directory)
  return {
    name,
    start,
    end: siblingEnd(start, start.length, LAST),
    read: (key, value, now) => read(key.toString('utf8', start.length), value.toString('latin1'), now),
  }
}
