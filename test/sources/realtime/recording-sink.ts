import { EventEmitter, once } from 'node:events'
import type { RevocationRecord } from '../../../src/revocation/record.js'
import type { RealtimeSource, RevocationSink, SourceStatus } from '../../../src/sources/source.js'

/** A sink that keeps what it is told, and whose callers can wait for it. */
export class RecordingSink implements RevocationSink {
  readonly records: RevocationRecord[] = []
  readonly states: { status: SourceStatus; detail: string | undefined }[] = []
  readonly resyncs: string[] = []
  readonly #told = new EventEmitter().setMaxListeners(0)

  revoked(record: RevocationRecord): void {
    this.records.push(record)
    this.#told.emit('told')
  }

  state(status: SourceStatus, detail?: string): void {
    this.states.push({ status, detail })
    this.#told.emit('told')
  }

  resync(reason: string): void {
    this.resyncs.push(reason)
    this.#told.emit('told')
  }

  get ids(): string[] {
    return this.records.map((record) => record.id ?? '')
  }

  /** Waits until `condition` holds of what was told. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#told, 'told')
  }

  /** Waits until the status has been told `times` times. */
  status(status: SourceStatus, times = 1): Promise<void> {
    return this.until(() => this.states.filter((state) => state.status === status).length >= times)
  }

  /** What was said with the latest report of `status`. */
  detail(status: SourceStatus): string | undefined {
    return this.states.findLast((state) => state.status === status)?.detail
  }
}

/** Runs a source until the test ends, and makes sure that it then stops by itself. */
export function run(t: { after(hook: () => Promise<void>): void }, source: RealtimeSource): RecordingSink {
  const sink = new RecordingSink()
  const end = new AbortController()
  const running = source.run(sink, end.signal)
  t.after(async () => {
    end.abort()
    await running
  })
  return sink
}
