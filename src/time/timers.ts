import type { Clock } from './clock.js'

/** Longest delay of Node's timers, ms. */
export const LONGEST_TIMER = 2 ** 31 - 1

/** Settles as `work` does, or rejects with `late()` after `ms`. `work` itself goes on. */
export async function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms)
  })
  return Promise.race([work, expired]).finally(() => clearTimeout(timer))
}

/** Resolves after `ms`, or as soon as `signal` aborts. Never rejects. Meanwhile the process stays alive. */
export function pause(ms: number, clock: Pick<Clock, 'after'>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, LONGEST_TIMER) // a clock's timers let the process end
    const over = () => {
      clearInterval(alive)
      cancel()
      signal.removeEventListener('abort', over)
      resolve()
    }
    const cancel = clock.after(ms, over)
    signal.addEventListener('abort', over)
  })
}
