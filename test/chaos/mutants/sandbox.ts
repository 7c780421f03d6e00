import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as setTimeoutPromise } from 'node:timers/promises'

/** What a mutant changes, or what finds its own place by its path. */
const COPIED = ['dist', 'bin']
const LIMIT = 300_000
/** A test that a mutant keeps waiting says so after so many seconds, before it is ended. */
const TEST_LIMIT = 100
/** Milliseconds in which a program that is asked to end lets go of what it has started. */
const END_LIMIT = 15_000

export interface Ran {
  readonly passed: boolean
  readonly output: string
}

/** A copy of the checkout's build, which may be broken. */
export class Sandbox {
  readonly root = mkdtempSync(join(tmpdir(), 'mgw-mutants-'))

  constructor(checkout: string) {
    for (const name of readdirSync(checkout)) {
      if (COPIED.includes(name)) cpSync(join(checkout, name), join(this.root, name), { recursive: true })
      else if (name !== '.git' && name !== '.tap') symlinkSync(join(checkout, name), join(this.root, name))
    }
  }

  #running: ChildProcess | undefined

  /** Runs a program of the build, to its end or for some minutes. */
  async run(...command: string[]): Promise<Ran> {
    const child = spawn(process.execPath, ['--import=@tapjs/mock/import', ...command], {
      cwd: this.root,
      env: { ...process.env, TAP_TIMEOUT: String(TEST_LIMIT), NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#running = child
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    const closed = once(child, 'close')
    const polite = setTimeout(() => child.kill('SIGTERM'), LIMIT)
    const force = setTimeout(() => child.kill('SIGKILL'), LIMIT + END_LIMIT)
    const [status] = await closed
    clearTimeout(polite)
    clearTimeout(force)
    return { passed: status === 0, output }
  }

  /** Has what runs end, with all that it has started. */
  async stop(): Promise<void> {
    const child = this.#running
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    await Promise.race([closed, setTimeoutPromise(END_LIMIT)])
  }

  /** Ends what an interrupted test has left running, too: whatever has this place in its command. */
  remove(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(this.root)) process.kill(Number(pid), 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    rmSync(this.root, { recursive: true, force: true })
  }
}
