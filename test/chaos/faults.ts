import type { Random } from './random.js'

/** What may be done to what. `cut` and `hole` are done to the network in between; a gateway loses both of its sources. */
export const FAULT_KINDS = [
  'broker killed',
  'broker frozen',
  'broker cut',
  'broker hole',
  'etcd killed',
  'etcd frozen',
  'etcd cut',
  'etcd hole',
  'gateway killed',
  'gateway frozen',
  'gateway cut',
  'gateway hole',
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
  /** Whether etcd's history is dropped just before it ends. */
  readonly compact: boolean
}

/** Draws the faults of a run: one of each sort at least, if they are not given. */
export function planFaults(random: Random, gateways: number, kinds?: readonly FaultKind[]): PlannedFault[] {
  return (kinds ?? drawn(random)).map((kind) => ({
    kind,
    gateway: random.between(0, gateways - 1),
    gap: random.between(200, 1_500),
    duration: random.between(300, 2_500),
    compact: kinds !== undefined || random.next() < 0.5,
  }))
}

function drawn(random: Random): FaultKind[] {
  const of = (target: string) => FAULT_KINDS.filter((kind) => kind.startsWith(target))
  const more = Array.from({ length: random.between(2, 5) }, () => random.pick(FAULT_KINDS))
  return random.shuffled([
    random.pick(of('broker')),
    random.pick(of('etcd')),
    'gateway killed',
    random.pick(of('gateway')),
    ...more,
  ])
}

/** What a fault keeps busy: two faults of one part follow each other. */
export function parts({ kind, gateway }: PlannedFault): string[] {
  if (kind === 'gateway killed' || kind === 'gateway frozen') return [`gateway ${gateway}`]
  if (kind.startsWith('gateway')) return [`broker's network`, `etcd's network`]
  const [target = ''] = kind.split(' ')
  return kind.endsWith('cut') || kind.endsWith('hole') ? [`${target}'s network`] : [target]
}
