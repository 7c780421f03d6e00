import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'

/** The gateway has a core for itself; upstream and client share the other one. */
export const GATEWAY_CORE = '0'
export const OTHER_CORE = '1'
export const BOTH_CORES = '0,1'

/** A kernel's tick, ms: what `/proc` counts processor time in. */
const TICK = 10
/** Milliseconds that a process may take to start. */
const START_TIMEOUT = 30_000

export interface Running {
  readonly pid: number
  end(): Promise<void>
}

export interface Started extends Running {
  /** What `ready` matched in its output. */
  readonly match: RegExpExecArray
}

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  return spawnSync('which', [program], { stdio: 'ignore' }).status === 0
}

/** Starts a program on some cores, and waits until its output matches `ready`. */
export async function startReady(cores: string, command: readonly string[], ready: RegExp): Promise<Started> {
  const child = spawn('taskset', ['-c', cores, ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  const running = runningOf(child)
  const deadline = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT)
  let output = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    output += chunk
    const match = ready.exec(output)
    if (match === null) continue
    clearTimeout(deadline)
    child.stdout.resume()
    return { ...running, match }
  }
  throw new Error(`${command.join(' ')} did not start:\n${output}`)
}

/** Starts a program on some cores, and waits until something listens on its port. */
export async function startListening(cores: string, command: readonly string[], port: number): Promise<Running> {
  const child = spawn('taskset', ['-c', cores, ...command], { stdio: ['ignore', 'ignore', 'inherit'] })
  const running = runningOf(child)
  const deadline = performance.now() + START_TIMEOUT
  while (!(await isListening(port))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`${command.join(' ')} did not start`)
  }
  return running
}

/** What still runs when this process ends, however it does. */
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill()
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

function runningOf(child: ChildProcess): Running {
  children.add(child)
  const closed = once(child, 'close').finally(() => children.delete(child))
  return {
    pid: child.pid ?? 0,
    async end() {
      child.kill('SIGTERM')
      const force = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await closed
      clearTimeout(force)
    },
  }
}

/** Runs a program to its end on some cores; resolves to its output. */
export async function run(cores: string, command: readonly string[]): Promise<string> {
  const child = spawn('taskset', ['-c', cores, ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (chunk: string) => {
    output += chunk
  })
  const [status] = (await once(child, 'close')) as [number | null]
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${output}`)
  return output
}

/** Processor time (user and system) of a process and all that it started, ms. */
export function cpuTime(pid: number): number {
  const parents = new Map<number, number>()
  const times = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const fields = statOf(name)
    if (fields === undefined) continue
    parents.set(Number(name), Number(fields[1]))
    times.set(Number(name), (Number(fields[11]) + Number(fields[12])) * TICK)
  }
  const isOfIt = (one: number | undefined): boolean =>
    one === pid || (one !== undefined && one > 1 && isOfIt(parents.get(one)))
  let sum = 0
  for (const [one, time] of times) if (isOfIt(one)) sum += time
  return sum
}

/** The fields of `/proc/PID/stat` after the program's name; `undefined` if it has just ended. */
function statOf(pid: string): string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
  } catch {
    return undefined
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (is: boolean) => {
      socket.destroy()
      setTimeout(resolve, is ? 0 : 20, is)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}
