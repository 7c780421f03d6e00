import { readFileSync } from 'node:fs'

/** The share of the files that clients' connections may be: upstreams, brokers, stores and the journal need some, too. */
const SHARE = 0.75

/**
 * How many connections clients may have in a process: three quarters of the files that it may open (`ulimit -n`), since
 * one that can open no more reaches no upstream either. Infinity where the operating system does not say.
 *
 * @param limits a file with a process's limits, as Linux has it
 */
export function mostConnections(limits = '/proc/self/limits'): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync(limits, 'utf8'))?.[1]
    return soft === undefined ? Number.POSITIVE_INFINITY : Math.floor(Number(soft) * SHARE)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
