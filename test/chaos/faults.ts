import type { Random } from './random.js'

/**
 * What may be done to what. `cut` and `hole` are done to the network in between; a gateway loses both of its sources.
 * A gateway that is `replaced` starts with an empty state directory, one that is `damaged` with a flipped bit in its
 * journal; one that is `overlapped` starts while its last process drains.
 */
export const FAULT_KINDS = [
  'broker killed',
  'broker frozen',
  'broker cut',
  'broker hole',
  'etcd killed',
  'etcd frozen',
  'etcd cut',
  'etcd hole',
  'etcd flooded',
  'gateway killed',
  'gateway frozen',
  'gateway cut',
  'gateway hole',
  'gateway replaced',
  'gateway damaged',
  'gateway overlapped',
  'primary killed',
  'primary frozen',
  'worker killed',
  'worker frozen',
  'disk full',
  'disk read-only',
  'clock jumped',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

export interface PlannedFault {
  readonly kind: FaultKind
  /** Which gateway; of no meaning to the others. */
  readonly gateway: number
  /** Milliseconds after the fault before it began. */
  readonly gap: number
  /** Milliseconds that it lasts. */
  readonly duration: number
  /** Whether more is done: etcd's history is dropped before it ends, a gateway whose clock has jumped is restarted. */
  readonly worse: boolean
  /** Whether a gateway that starts finds etcd silent at first. */
  readonly held: boolean
  /** In [0, 1): where, or how far. */
  readonly where: number
}

/** A flood takes as long as a whole run, and comes once in so many. */
const FLOOD_EVERY = 25
/** Longer than a worker's lease, by what the ledger allows to end late. */
const BEYOND_LEASE = 9_000

/** Draws the faults of a run: one of each sort at least, if they are not given. */
export function planFaults(random: Random, gateways: number, kinds?: readonly FaultKind[]): PlannedFault[] {
  return (kinds ?? drawn(random)).map((kind) => ({
    kind,
    gateway: random.between(0, gateways - 1),
    gap: random.between(200, 1_500),
    duration: durationOf(kind, random),
    worse: kinds !== undefined || random.next() < 0.5,
    held: random.next() < 0.5,
    where: random.next(),
  }))
}

function durationOf(kind: FaultKind, random: Random): number {
  const duration = random.between(300, 2_500)
  if (kind === 'primary frozen') return random.next() < 0.5 ? duration : BEYOND_LEASE
  return kind === 'clock jumped' || kind.startsWith('disk') ? duration + 1_500 : duration
}

function drawn(random: Random): FaultKind[] {
  const usual = FAULT_KINDS.filter((kind) => kind !== 'etcd flooded')
  const of = (...targets: string[]) => usual.filter((kind) => targets.some((target) => kind.startsWith(target)))
  const more = Array.from({ length: random.between(1, 3) }, () => random.pick(usual))
  const flood: FaultKind[] = random.next() < 1 / FLOOD_EVERY ? ['etcd flooded'] : []
  return random.shuffled([
    random.pick(of('broker')),
    random.pick(of('etcd')),
    random.pick(of('gateway')),
    random.pick(of('primary', 'worker')),
    random.pick(of('disk', 'clock', 'gateway damaged')),
    'gateway killed',
    ...more,
    ...flood,
  ])
}

/** What a fault keeps busy: two faults of one part follow each other. */
export function parts({ kind, gateway }: PlannedFault): string[] {
  if (kind === 'etcd flooded') return ['etcd', "etcd's network", `gateway ${gateway}`]
  if (kind === 'gateway cut' || kind === 'gateway hole') return [`broker's network`, `etcd's network`]
  const [target = ''] = kind.split(' ')
  if (target !== 'broker' && target !== 'etcd') return [`gateway ${gateway}`]
  return kind.endsWith('cut') || kind.endsWith('hole') ? [`${target}'s network`] : [target]
}
