import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A `mgw` that was started as its user starts it. */
export interface Mgw {
  readonly child: ChildProcess
  /** All that it has written so far. */
  output(): string
  /** Resolves with the match when what it has written matches. */
  printed(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves when something holds of what it has written; asks again whenever it writes. */
  wrote(holds: (text: string) => boolean): Promise<void>
  /** Ends it and resolves with its exit status, or the signal's name. */
  end(signal?: NodeJS.Signals): Promise<number | string>
  /** Resolves with its exit status, or the signal's name, when it has ended by itself. */
  ended(): Promise<number | string>
}

/**
 * Starts `bin/mgw.js`, or the command that `MGW_EXECUTABLE` names, with these arguments, and `input` as its standard input;
 * it ends with the test.
 */
export function mgw(
  t: Pick<Test, 'teardown'>,
  args: readonly string[],
  env: Record<string, string> = {},
  input?: string,
): Mgw {
  const [command, ...before] = process.env.MGW_EXECUTABLE?.split(' ') ?? [
    process.execPath,
    join(process.cwd(), 'bin/mgw.js'),
  ]
  const child = spawn(command ?? '', [...before, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let text = ''
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const wake of waiting) wake()
    waiting.clear()
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (chunk) => {
      text += chunk
      changed()
    })
  }
  let over = false
  const exit = once(child, 'close').then(([status, signal]) => {
    over = true
    changed()
    return (status ?? signal) as number | string
  })
  const wrote = async (holds: (text: string) => boolean, what: string): Promise<void> => {
    while (!holds(text)) {
      if (over) throw new Error(`mgw ended without printing ${what}:\n${text}`)
      await new Promise<void>((resolve) => waiting.add(resolve))
    }
  }
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (!over) child.kill(signal)
    return exit
  }
  t.teardown(() => end('SIGKILL'))
  return {
    child,
    output: () => text,
    ended: () => exit,
    end,
    async printed(pattern) {
      let match: RegExpExecArray | null = null
      await wrote(() => {
        match = pattern.exec(text)
        return match !== null
      }, String(pattern))
      return match as unknown as RegExpExecArray
    },
    wrote: (holds) => wrote(holds, 'what was waited for'),
  }
}
