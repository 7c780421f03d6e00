import { text } from 'node:stream/consumers'
import type { Explanation } from '../gateway.js'
import { AdminListener, type AdminListenerOptions } from './admin-listener.js'
import { EXIT_DONE, EXIT_NO, EXIT_USAGE } from './exit.js'
import { print, printError } from './output.js'

export interface ExplainCommandOptions extends AdminListenerOptions {
  readonly method?: string
  readonly path?: string
  readonly json?: boolean
}

/**
 * `mgw explain -`: asks the running gateway what becomes of a request with the token on standard input. Exit status: 0 it is
 * accepted; 1 the gateway cannot be asked; 2 there is no token; 4 it is refused.
 */
export async function explain(argument: string, options: ExplainCommandOptions): Promise<void> {
  if (argument !== '-')
    return usage('expected -: the token is read from standard input, which keeps it out of the process list')
  if ((options.method === undefined) !== (options.path === undefined))
    return usage('--method and --path belong together')
  if (options.path?.startsWith('/') === false) return usage('--path must begin with /, as in a request')
  const token = (await text(process.stdin)).trim()
  if (token === '') return usage('expected a token on standard input')
  const { method } = options
  const [path] = options.path?.split('?', 1) ?? []
  const at = method === undefined || path === undefined ? {} : { method, path }
  const listener = await AdminListener.withToken(options)
  const explanation = (await listener.post('/explain', { token, ...at })) as Explanation
  process.exitCode = explanation.verdict.accepted ? EXIT_DONE : EXIT_NO
  print(options.json === true ? JSON.stringify(explanation) : inWords(explanation))
}

function usage(problem: string): void {
  printError(problem)
  process.exitCode = EXIT_USAGE
}

function inWords({ verdict, token, steps, names }: Explanation): string {
  const { accepted, status, code, reason } = verdict
  const width = Math.max(...steps.map(({ step }) => step.length))
  const listed = names.filter((name) => name.listed)
  return [
    `token ${token.hash ?? 'without a name'}: ${accepted ? 'accepted' : `refused with ${status} (${code}): ${reason}`}`,
    ...(token.expiresAt === undefined ? [] : [`  expires ${token.expiresAt}`]),
    ...steps.map(({ step, passed, detail }) => `  ${passed ? 'ok  ' : 'FAIL'}  ${step.padEnd(width)}  ${detail}`),
    `  ${names.length} names looked up, ${listed.length} listed`,
    ...listed.map(({ name, issuer, revokes, record }) => {
      const rule = record?.revokedBefore === undefined ? '' : `, tokens issued before ${record.revokedBefore}`
      const effect = revokes ? 'revokes it' : 'spares it'
      return `    ${name}, of ${issuer === 'any' ? 'any issuer' : 'its own issuer'}: ${effect}${rule}; from ${record?.source}, learnt ${record?.learntAt}`
    }),
  ].join('\n')
}
