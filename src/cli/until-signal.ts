/** A second signal within this time is the same one: a shell and whoever started it both pass it on. Milliseconds. */
const SAME_SIGNAL = 1_000

/**
 * Starts something, waits for SIGTERM or SIGINT, closes it, and ends the process with status 0. A signal that comes while it
 * starts lets it start and closes it. A second one, later, ends the process at once, with status 1.
 */
export async function untilSignal(start: () => Promise<{ close(): Promise<void> }>): Promise<void> {
  let asked: number | undefined
  const signal = new Promise<void>((resolve) => {
    const onSignal = () => {
      asked ??= performance.now()
      if (performance.now() - asked > SAME_SIGNAL) process.exit(1)
      resolve()
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
  // Else a file that outgrows the process's limit (ulimit -f) ends it; so the write fails, which is reported.
  process.on('SIGXFSZ', () => undefined)
  const started = await start()
  await signal
  await started.close()
  process.exit(0)
}
