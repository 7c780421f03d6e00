import type { Logger } from '../../../logging/index.js'
import { MalformedElements } from '../../message/index.js'
import type { MalformedReport } from '../../source.js'

/**
 * Why a key of etcd says nothing. The words are stable: metrics and logs carry them.
 * - `bad-key`: below the prefix, and no token's id: empty, or longer than any
 * - `bad-record`: below the directory of records, and not as `etcd/records.ts` has it: its kind, its id or its time
 */
export type EtcdProblem = 'bad-key' | 'bad-record'

export type EtcdMalformed = MalformedElements<EtcdProblem>

const PROBLEMS: Readonly<Record<string, EtcdProblem>> = { tokens: 'bad-key', records: 'bad-record' }

/** Counts what of etcd's keys can't be read: it is left out and does not hide the others. */
export function etcdMalformed(logger: Logger): EtcdMalformed {
  return new MalformedElements({ logger, warning: 'etcd holds unreadable keys' })
}

/**
 * Counts a key by its directory. In a directory of others nothing has to make sense.
 *
 * @param index its place in a listing
 */
export function countUnreadable(
  malformed: { count(reason: EtcdProblem, at: string): void },
  directory: string,
  index?: number,
): void {
  const problem = PROBLEMS[directory]
  const place = index === undefined ? directory : `key ${index} of ${directory}`
  if (problem !== undefined) malformed.count(problem, place)
}

/** What two parts of one store could not read. */
export function bothReports(
  one: MalformedReport | undefined,
  other: MalformedReport | undefined,
): MalformedReport | undefined {
  if (one === undefined || other === undefined) return one ?? other
  const malformed = { ...one.malformed }
  for (const [reason, count] of Object.entries(other.malformed)) malformed[reason] = (malformed[reason] ?? 0) + count
  return { malformed, malformedAt: { ...other.malformedAt, ...one.malformedAt } }
}
