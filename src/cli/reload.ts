import { setTimeout as pause } from 'node:timers/promises'
import type { ReloadOutcome, StatusReport } from '../gateway.js'
import { AdminListener, type AdminListenerOptions, GatewayUnreachable } from './admin-listener.js'
import { EXIT_DONE, EXIT_NO } from './exit.js'
import { print } from './output.js'

export interface ReloadCommandOptions extends AdminListenerOptions {
  readonly workers?: boolean
  readonly json?: boolean
}

/** Milliseconds between two looks at a reload that takes long, and after how many such a gateway is given up. */
const INTERVAL = 500
const ENDED_WITHIN = 3_600_000

/**
 * `mgw reload`: has the running gateway read its configuration again, and says what came of it. It asks the admin listener, because a
 * signal has no answer. Exit status: 0 it is served; 1 the gateway cannot be asked; 2 [admin] of
 * the configuration is wrong; 4 nothing has changed, or not in every worker, be it because the rest of it is wrong.
 */
export async function reload(options: ReloadCommandOptions): Promise<void> {
  const { workers = false } = options
  const listener = await AdminListener.withToken(options)
  const answer = (await listener.post('/reload', { workers })) as ReloadOutcome | { readonly underWay: true }
  const outcome = 'underWay' in answer ? await outcomeOf(listener) : answer
  process.exitCode = outcome.succeeded ? EXIT_DONE : EXIT_NO
  print(options.json === true ? JSON.stringify(outcome) : inWords(outcome, workers))
}

async function outcomeOf(listener: AdminListener): Promise<ReloadOutcome> {
  const started = performance.now()
  while (performance.now() - started < ENDED_WITHIN) {
    const { lastReload } = (await listener.get('/status')) as StatusReport
    if (lastReload?.outcome !== undefined) return lastReload.outcome
    await pause(INTERVAL)
  }
  throw new GatewayUnreachable('the reload does not end; see the log of the gateway')
}

/** The lines that `mgw reload` prints. */
export function inWords(outcome: ReloadOutcome, workers: boolean): string {
  const { succeeded, problems, changed, needsRestart, warnings, apis } = outcome
  const list = (title: string, names: readonly string[]) =>
    names.length === 0 ? [] : [`${title}: ${names.join(', ')}`]
  const served = `${apis} ${apis === 1 ? 'API' : 'APIs'}, certificates and keys read again${workers ? '; all workers replaced' : ''}`
  return [
    succeeded ? `reloaded: ${served}` : 'NOT RELOADED, or not in every worker:',
    ...problems.map((problem) => `  ${problem}`),
    ...(succeeded ? list('changed', changed) : []),
    ...list('needs a restart', needsRestart),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join('\n')
}
