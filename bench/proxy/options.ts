import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Names of rows and gateways, or parts of them; empty: all. */
  readonly only: readonly string[]
  readonly rounds: number
  /** Of one run. */
  readonly seconds: number
  /** Majors of Node; `20` is the one that runs this, if that is what it is. */
  readonly nodes: readonly string[]
}

export const USAGE = `npm run bench:proxy -- [options]
  --only a,b     rows or gateways whose names contain one of these (base, cold, large, post, tls, h2, workers, revoking, access-log, cost, paced; mgw, haproxy ...)
  --rounds N     interleaved rounds, of which medians are printed (5)
  --seconds N    of one run (3)
  --node 20,26   versions of Node (this one's, 24, 26)
  --quick        two rounds of one second on this Node`

/** Reads the command line; throws for what it does not know. */
export function readOptions(args: readonly string[]): BenchOptions {
  const own = String(process.versions.node.split('.')[0])
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      node: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  })
  const list = (text: string) => text.split(',').filter((part) => part !== '')
  const nodes = values.node === undefined ? (values.quick ? [own] : [own, '24', '26']) : list(values.node)
  return {
    only: list(values.only),
    rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
    seconds: Number(values.seconds ?? (values.quick ? 1 : 3)),
    nodes: [...new Set(nodes)],
  }
}
