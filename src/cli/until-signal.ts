/**
 * Waits for SIGTERM or SIGINT, then runs `close` and lets the process end with status 0.
 * A second signal ends the process at once, with status 1.
 */
export async function untilSignal(close: () => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => {
    let asked = false
    const onSignal = () => {
      if (asked) process.exit(1)
      asked = true
      resolve()
    }
    process.on('SIGTERM', onSignal)
    // Else a file that outgrows the process's limit (ulimit -f) ends it; so the write fails, which is reported.
    process.on('SIGXFSZ', () => undefined)
    process.on('SIGINT', onSignal)
  })
  await close()
  process.exit(0)
}
