/* One structure filled with one number of ids, in a process that does nothing else. Run by list-and-map.ts. */
import { listOfEverything, listOfRules, listOfTokens, mapOfExpiries, type Structure } from './structures.js'

/** Of one operation: by the clock, and of processor time, which is what it takes on a machine that does nothing else. */
export interface Nanoseconds {
  readonly clock: number
  readonly cpu: number
}

export interface Measured {
  readonly bufferBytes: number
  readonly residentBytes: number
  readonly insert: Nanoseconds
  readonly hit: Nanoseconds
  readonly miss: Nanoseconds
  /** The longest run of {@link STEP} inserts, by the clock and in processor time, and the same of an idle loop. */
  readonly stepMs: number
  readonly stepCpuMs: number
  readonly idleStepMs: number
  readonly idleStepCpuMs: number
  readonly collectionMs: number
  readonly collectionCpuMs: number
}

/** Inserts that are timed together. */
const STEP = 10
const LOOKUPS = 1_000_000
const WARM_UP = 200_000
/** Probes are made this many at a time, so that they are in the processor's caches as a request's own token is. */
const BATCH = 250

const structures = { list: listOfTokens, rules: listOfRules, everything: listOfEverything, map: mapOfExpiries }

const [, , kind = '', count = ''] = process.argv
const create = structures[kind as keyof typeof structures] as () => Structure<unknown>
process.send?.(measure(create, Number(count)), () => process.exit())

function measure(create: () => Structure<unknown>, count: number): Measured {
  warmUp(create())
  const structure = create()
  const idle = fill({ ...structure, insert: () => undefined }, Math.min(count, 5_000_000))
  collect()
  const before = process.memoryUsage.rss()
  const filled = fill(structure, count)
  collect()
  const residentBytes = process.memoryUsage.rss() - before
  check(structure, count)
  const collection = timed(collect)
  return {
    bufferBytes: structure.bytes / count,
    residentBytes: residentBytes / count,
    insert: filled.each,
    hit: lookUp(structure, (n) => (n * 7919) % count, true),
    miss: lookUp(structure, (n) => count + n, false),
    stepMs: filled.stepMs,
    stepCpuMs: filled.stepCpuMs,
    idleStepMs: idle.stepMs,
    idleStepCpuMs: idle.stepCpuMs,
    collectionMs: collection.ms,
    collectionCpuMs: collection.cpuMs,
  }
}

/** The functions are compiled before they are timed. */
function warmUp(structure: Structure<unknown>): void {
  fill(structure, WARM_UP)
  check(structure, WARM_UP)
  for (let n = 0; n < WARM_UP; n++) structure.has(structure.probe(uuid(-1 - n)))
}

function fill(structure: Structure<unknown>, count: number): { each: Nanoseconds; stepMs: number; stepCpuMs: number } {
  let clock = 0
  let cpu = 0
  let stepMs = 0
  let stepCpuMs = 0
  for (let n = 0; n < count; n += STEP) {
    const ids = Array.from({ length: Math.min(STEP, count - n) }, (_, i) => uuid(n + i))
    const step = timed(() => {
      for (const id of ids) structure.insert(id)
    })
    clock += step.ms
    cpu += step.cpuMs
    stepMs = Math.max(stepMs, step.ms)
    stepCpuMs = Math.max(stepCpuMs, step.cpuMs)
  }
  return { each: nanoseconds(clock, cpu, count), stepMs, stepCpuMs }
}

function check(structure: Structure<unknown>, count: number): void {
  for (let n = 0; n < count; n += 97) {
    if (!structure.has(structure.probe(uuid(n)))) throw new Error(`${n} was inserted and is not found`)
    if (structure.has(structure.probe(uuid(count + n)))) throw new Error(`${count + n} is found and was not inserted`)
  }
}

function lookUp(structure: Structure<unknown>, pick: (n: number) => number, expected: boolean): Nanoseconds {
  let clock = 0
  let cpu = 0
  for (let n = 0; n < LOOKUPS; n += BATCH) {
    const probes = Array.from({ length: BATCH }, (_, i) => structure.probe(uuid(pick(n + i))))
    const { ms, cpuMs } = timed(() => {
      for (const probe of probes) if (structure.has(probe) !== expected) throw new Error('a wrong answer')
    })
    clock += ms
    cpu += cpuMs
  }
  return nanoseconds(clock, cpu, LOOKUPS)
}

function nanoseconds(clockMs: number, cpuMs: number, operations: number): Nanoseconds {
  return { clock: (clockMs * 1e6) / operations, cpu: (cpuMs * 1e6) / operations }
}

function timed(action: () => void): { ms: number; cpuMs: number } {
  const cpu = process.cpuUsage()
  const start = performance.now()
  action()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { ms, cpuMs: (user + system) / 1000 }
}

function collect(): void {
  globalThis.gc?.()
}

/** A different id for each number, as random as a UUID looks. */
function uuid(n: number): string {
  const a = hex(mix(n))
  const b = hex(mix(n ^ 0x5bd1e995))
  const c = hex(n)
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-a${c.slice(1, 4)}-${a.slice(2, 6)}${c}`
}

function mix(n: number): number {
  let x = Math.imul(n ^ (n >>> 16), 0x45d9f3b)
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b)
  return x ^ (x >>> 16)
}

function hex(n: number): string {
  return (n >>> 0).toString(16).padStart(8, '0')
}
