import { Agent, get } from 'node:http'

/** Requests under way, one after the other on each connection, until they are stopped. */
export interface Load {
  /** How many have ended. */
  count(): number
  /** Resolves when so many more have ended. */
  more(count: number): Promise<void>
  /** Stops, and resolves to how often which status, or failure, came. */
  stop(): Promise<Record<string, number>>
}

export interface LoadOptions {
  readonly headers?: Record<string, string>
  readonly connections?: number
  /** Whether a connection is used again; default true. */
  readonly keepAlive?: boolean
}

/** Sends requests to a URL. A connection that fails once its answer is there counts as a failure, too. */
export function load(url: string, { headers = {}, connections = 1, keepAlive = true }: LoadOptions = {}): Load {
  const agent = new Agent({ keepAlive, maxSockets: connections })
  const outcomes = new Map<string, number>()
  let stopped = false
  let ended = 0
  let onEnd = () => {}
  const note = (outcome: string) => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    ended++
    onEnd()
  }
  const once = () =>
    new Promise<void>((resolve) => {
      const failed = (error: Error) => {
        note(error.message)
        resolve()
      }
      const req = get(url, { agent, headers }, (res) => {
        res.resume().once('error', failed)
        res.once('end', () => {
          note(String(res.statusCode))
          resolve()
        })
      })
      req.on('error', failed)
    })
  const one = async (): Promise<void> => {
    while (!stopped) await once()
  }
  const running = Array.from({ length: connections }, one)
  return {
    count: () => ended,
    async more(count) {
      const enough = ended + count
      while (ended < enough)
        await new Promise<void>((resolve) => {
          onEnd = resolve
        })
    },
    async stop() {
      stopped = true
      await Promise.all(running)
      agent.destroy()
      return Object.fromEntries(outcomes)
    },
  }
}

/** Requests with a token that passes and with one that is revoked, on connections that are kept and on new ones, and `/ready`. */
export function mixedLoad(at: { readonly http: string; readonly admin: string }, token: string, revoked: string) {
  const url = `${at.http}/things/v1/thing/1`
  const bearer = (value: string) => ({ authorization: `Bearer ${value}` })
  const parts = {
    kept: load(url, { headers: bearer(token), connections: 3 }),
    fresh: load(url, { headers: bearer(token), keepAlive: false }),
    revoked: load(url, { headers: bearer(revoked) }),
    ready: load(`${at.admin}/ready`),
  }
  const all = Object.values(parts)
  return {
    /** Resolves when each has had so many more answers. */
    more: (count: number) => Promise.all(all.map((part) => part.more(count))),
    /** Stops, and resolves to the statuses and failures that came. */
    async stop() {
      const counts = await Promise.all(all.map((part) => part.stop()))
      const statuses = Object.keys(parts).map((name, i) => [name, Object.keys(counts[i] ?? {})])
      return Object.fromEntries(statuses) as Record<keyof typeof parts, string[]>
    },
  }
}

/** What {@link mixedLoad} gives when nothing fails, and the list stays known and enforced. */
export const NOTHING_LOST = { kept: ['200'], fresh: ['200'], revoked: ['401'], ready: ['200'] }
