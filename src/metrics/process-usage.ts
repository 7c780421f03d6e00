import { add, type Samples } from './samples.js'

/** What a process uses, when it was asked. */
export interface ProcessUsage {
  /** Epoch seconds. */
  readonly startedAt: number
  readonly cpuSeconds: number
  /** Seconds that the event loop was busy. */
  readonly busySeconds: number
  readonly residentBytes: number
  readonly heapBytes: number
  readonly externalBytes: number
}

/** What this process uses. */
export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    startedAt: performance.timeOrigin / 1000,
    cpuSeconds: (user + system) / 1e6,
    busySeconds: performance.eventLoopUtilization().active / 1000,
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
  }
}

/** @param process its name: `primary`, or a worker's number */
export function addProcess(samples: Samples, process: string, usage: ProcessUsage): void {
  add(samples, 'process_start_time_seconds', [process], usage.startedAt)
  add(samples, 'process_cpu_seconds_total', [process], usage.cpuSeconds)
  add(samples, 'nodejs_eventloop_busy_seconds_total', [process], usage.busySeconds)
  add(samples, 'process_resident_memory_bytes', [process], usage.residentBytes)
  add(samples, 'nodejs_heap_used_bytes', [process], usage.heapBytes)
  add(samples, 'nodejs_external_memory_bytes', [process], usage.externalBytes)
}
