import { setImmediate as turn } from 'node:timers/promises'
import { FakeClock } from '../../time/fake-clock.js'

/** A fake clock that lets promises settle between one timer and the next. */
export class VirtualClock extends FakeClock {
  /** Runs everything that needs no time. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await turn()
  }

  /** Lets `ms` pass; each timer fires at its time. */
  override async advance(ms: number): Promise<void> {
    let left = ms
    await this.settle()
    for (let next = this.untilNext(); next !== undefined && next <= left; next = this.untilNext()) {
      super.advance(next)
      left -= next
      await this.settle()
    }
    super.advance(left)
  }
}
