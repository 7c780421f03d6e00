import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { GatewayProcess } from '../../test/chaos/gateway-process.js'
import type { Token, Upstream } from '../../test/chaos/upstream.js'
import type { Owner } from '../../test/services/service-process.js'
import { configureGateway, type GatewayOptions } from '../support/gateway-process.js'

/** What has not happened by then (ms) never will. */
const LIMIT = 60_000
/** Between two questions, ms: what is timed is exact to this and the time of an answer. */
const STEP = 2

/** Milliseconds from `begin` until it holds. Throws after a minute. */
export async function until(what: string, holds: () => Promise<boolean>, begin = performance.now()): Promise<number> {
  while (!(await holds())) {
    if (performance.now() - begin > LIMIT) throw new Error(`not within a minute: ${what}`)
    await sleep(STEP)
  }
  return performance.now() - begin
}

/** `mgw start` in a process of its own, which is killed and started again on what it left on disk. */
export class Gateway {
  readonly #file: string
  #process: GatewayProcess | undefined

  private constructor(file: string) {
    this.#file = file
  }

  /** Starts one, and resolves when it serves protected APIs. */
  static async start(
    t: Owner,
    issuer: Upstream,
    options: Pick<GatewayOptions, 'realtime' | 'persistent' | 'workers'>,
  ): Promise<Gateway> {
    const directory = mkdtempSync(join(tmpdir(), 'mgw-promises-'))
    const admin = '  token = "secret"'
    const gateway = new Gateway(configureGateway({ issuer: issuer.origin, directory, admin, ...options }))
    t.teardown(async () => {
      await gateway.kill()
      rmSync(directory, { recursive: true, force: true })
    })
    await gateway.launch()
    const { jwt } = await issuer.token()
    await until('a gateway is ready', async () => (await gateway.status(jwt)) === 200)
    return gateway
  }

  /** Starts the process (again), and resolves when it listens. */
  async launch(): Promise<void> {
    const command = [process.execPath, 'bin/mgw.js', 'start', '-c', this.#file]
    this.#process = new GatewayProcess(command, {}, () => undefined)
    await this.#process.listening()
  }

  /** kill -9 of all its processes. */
  async kill(): Promise<void> {
    await this.#process?.end()
  }

  signal(target: 'all' | 'primary' | 'worker', signal: NodeJS.Signals): void {
    this.#process?.signal(target, signal)
  }

  /** The status that a request with this token gets on a new connection; 0 without an answer. */
  status(jwt: string): Promise<number> {
    return this.#ask('http', '/things/thing', { authorization: `Bearer ${jwt}`, connection: 'close' })
  }

  /** Whether a request with this token is refused as one with a revoked token. */
  async refuses({ jwt }: Token): Promise<boolean> {
    return (await this.status(jwt)) === 401
  }

  /** `POST /revocations`: its status. */
  revoke({ jti }: Token): Promise<number> {
    const headers = { authorization: 'Bearer secret', 'content-type': 'application/json' }
    return this.#ask('admin', '/revocations', headers, JSON.stringify({ jti }))
  }

  /** Whether so many workers listen. */
  async hasWorkers(count: number): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.#process?.ports?.admin}/ready`)
    const { workers = [] } = (await answer.json()) as { workers?: { listening: boolean }[] }
    return workers.filter(({ listening }) => listening).length === count
  }

  /** The process that writes the journal. */
  get pid(): number | undefined {
    return this.#process?.pid
  }

  async #ask(
    listener: 'http' | 'admin',
    path: string,
    headers: Record<string, string>,
    body?: string,
  ): Promise<number> {
    const url = `http://127.0.0.1:${this.#process?.ports?.[listener]}${path}`
    try {
      const answer = await fetch(url, { headers, ...(body === undefined ? {} : { method: 'POST', body }) })
      await answer.arrayBuffer()
      return answer.status
    } catch {
      return 0
    }
  }
}
