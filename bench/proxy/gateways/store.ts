/** mgw's store in the comparison: lists the jtis of a file, and has more of them arrive. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

interface Section {
  readonly file: string
  readonly perSecond: number
}

interface Token {
  readonly kind: 'token'
  readonly id: string
  readonly expiresAt: number
}

interface Sink {
  revoked(record: Token): void
  state(status: 'live'): void
}

export function createStore({ file, perSecond }: Section) {
  const record = (id: string): Token => ({ kind: 'token', id, expiresAt: Date.now() + 24 * 3_600_000 })
  return {
    name: 'the comparison',
    async *list() {
      for (const id of readFileSync(file, 'utf8').split('\n')) if (id !== '') yield record(id)
    },
    watch(sink: Sink, signal: AbortSignal): Promise<void> {
      sink.state('live')
      const timer = setInterval(() => {
        for (let i = 0; i < perSecond / 100; i++) sink.revoked(record(randomUUID()))
      }, 10)
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          clearInterval(timer)
          resolve()
        })
      })
    },
  }
}
