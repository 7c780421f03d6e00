import { setTimeout as pause } from 'node:timers/promises'
import type { StatusReport } from '../gateway.js'
import { AdminListener, type AdminListenerOptions, GatewayUnreachable } from './admin-listener.js'
import { EXIT_DONE, EXIT_FAILED, EXIT_NO } from './exit.js'
import { print } from './output.js'
import { statusInWords } from './status-table.js'

export interface StatusCommandOptions extends AdminListenerOptions {
  readonly watch?: boolean
  readonly json?: boolean
}

/** Milliseconds between two looks. */
const INTERVAL = 1_000
/** Clears a terminal's screen. */
const CLEAR = '\u001b[H\u001b[2J'

/**
 * `mgw status`: the state of a running gateway; with `--watch` every second, until Ctrl-C. Exit status: 0 it serves protected
 * APIs; 1 it cannot be asked; 4 it does not serve them yet, or any more.
 */
export async function status(options: StatusCommandOptions): Promise<void> {
  const listener = await AdminListener.of(options)
  let previous: StatusReport | undefined
  for (;;) {
    const clear = options.watch === true && process.stdout.isTTY ? CLEAR : ''
    try {
      const report = (await listener.get('/status')) as StatusReport
      const text = options.json === true ? JSON.stringify(report) : statusInWords(report, Date.now(), previous)
      print(clear + text)
      process.exitCode = report.ready ? EXIT_DONE : EXIT_NO
      previous = report
    } catch (error) {
      if (options.watch !== true || !(error instanceof GatewayUnreachable)) throw error
      process.exitCode = EXIT_FAILED
      print(clear + error.message) // it may be restarting
    }
    if (options.watch !== true) return
    await pause(INTERVAL)
  }
}
