import { Agent, request } from 'node:http'
import type { Test } from 'tap'
import { type RunningGateway, type Sources, startGateway, type World } from '../support/gateway.js'

/** What the admin listener says of a worker. */
export interface WorkerSeen {
  readonly pid: number
  readonly listening: boolean
  readonly state?: string
  readonly acknowledged?: number
  readonly lag?: { readonly entries: number; readonly ms: number }
}

export interface Clustered extends RunningGateway {
  workers(): Promise<WorkerSeen[]>
  /** Resolves when so many workers listen and the gateway is ready. */
  ready(count: number): Promise<WorkerSeen[]>
  /** Asks on a connection of its own. */
  fresh(token: string): Promise<number>
  /** A connection that is kept; its status, or what it failed with. */
  connection(): (token: string) => Promise<number | string>
}

/** A gateway with several workers. */
export async function startCluster(
  t: Test,
  w: World,
  workers: number,
  more = '',
  sources: Sources = {},
): Promise<Clustered> {
  const gateway = await startGateway(t, w.configFile(more, sources, 'gateway', workers))
  const seen = async () => {
    const answer = await fetch(`${gateway.admin}/ready`)
    const { workers } = (await answer.json()) as { workers?: WorkerSeen[] }
    return { ready: answer.status === 200, workers: workers ?? [] }
  }
  return {
    ...gateway,
    workers: async () => (await seen()).workers,
    async ready(count) {
      for (;;) {
        const { ready, workers } = await seen()
        if (ready && workers.filter(({ listening }) => listening).length === count) return workers
        await pause(20)
      }
    },
    fresh: (token) => ask(gateway.http, token, undefined) as Promise<number>,
    connection() {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      t.teardown(() => agent.destroy())
      return (token) => ask(gateway.http, token, agent)
    },
  }
}

/** Lets some milliseconds pass between two looks at what is awaited. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function ask(http: string, token: string, agent: Agent | undefined): Promise<number | string> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}` }
    const req = request(`${http}/things/v1/thing/1`, { agent: agent ?? false, headers }, (res) => {
      res.resume()
      res.on('end', () => resolve(res.statusCode ?? 0))
      res.on('error', (error) => resolve(error.message))
    })
    req.on('error', (error) => resolve(error.message))
    req.end()
  })
}

/** Which workers, by their pids, have refused a revoked token, as the log says. */
export function refusers(output: string): Set<number> {
  const lines = output.matchAll(/\[[0-9a-f]+-([0-9a-z]+)-[0-9a-z]+\] request refused .*reason=revoked/g)
  return new Set([...lines].map(([, pid]) => Number.parseInt(pid ?? '', 36)))
}

/** Which workers, by their pids, have served a request with a token, as the log says. */
export function servers(output: string): Set<number> {
  const lines = output.matchAll(/\[[0-9a-f]+-([0-9a-z]+)-[0-9a-z]+\] Processing request/g)
  return new Set([...lines].map(([, pid]) => Number.parseInt(pid ?? '', 36)))
}
