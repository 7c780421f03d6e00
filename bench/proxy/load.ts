import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { percentile } from '../support/statistics.js'
import type { PacedOrder, PacedOutcome } from './paced.js'
import { OTHER_CORE, run } from './processes.js'

export const CONNECTIONS = 64

/** What is asked for, with which tokens. */
export interface Asked {
  readonly origin: string
  readonly method: string
  readonly path: string
  /** File of tokens, one a line, used in turn. */
  readonly tokens: string
  /** The header that carries the token. */
  readonly header: string
  /** Bytes of the request's body. */
  readonly body: number
  readonly seconds: number
}

export interface LoadOutcome {
  readonly requests: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p99: number
}

/** Tokens in turn; fails for any answer but 2xx, and for a connection that fails. */
const SCRIPT = `local requests, at = {}, 0
function init(args)
  local body = tonumber(args[5]) > 0 and string.rep("x", tonumber(args[5])) or nil
  for token in io.lines(args[1]) do
    local headers = { Host = "gateway.example", Accept = "application/json", ["User-Agent"] = "wrk", [args[4]] = "Bearer " .. token }
    requests[#requests + 1] = wrk.format(args[2], args[3], headers, body)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local e = summary.errors
  print(string.format("outcome %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
`

/** Runs wrk at full speed. */
export async function wrk(directory: string, asked: Asked): Promise<LoadOutcome> {
  const script = join(directory, 'load.lua')
  writeFileSync(script, SCRIPT)
  const { origin, tokens, method, path, header, body, seconds } = asked
  const command = ['wrk', '-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '-s', script, origin, '--']
  const output = await run(OTHER_CORE, [...command, tokens, method, path, header, String(body)])
  const found = /^outcome (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(output)
  if (found === null) throw new Error(`wrk said nothing of its outcome:\n${output}`)
  const [requests = 0, micros = 0, p99 = 0, refused = 0, failed = 0] = found.slice(1).map(Number)
  if (refused > 0 || failed > 0) throw new Error(`${origin}: ${refused} answers were no success, ${failed} failed`)
  return { requests, perSecond: requests / (micros / 1e6), p99: p99 / 1_000 }
}

/** Runs h2load: 8 connections of 8 streams, one token. */
export async function h2load(directory: string, asked: Asked): Promise<LoadOutcome> {
  const scratch = mkdtempSync(join(directory, 'h2load-'))
  const log = join(scratch, 'log')
  const { origin, path, tokens, header, seconds } = asked
  const token = readFileSync(tokens, 'utf8').split('\n')[0]
  const command = ['h2load', '-c', '8', '-m', '8', '-D', String(seconds), `--log-file=${log}`]
  const output = await run(OTHER_CORE, [...command, '-H', `${header}: Bearer ${token}`, origin + path])
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
  rmSync(scratch, { recursive: true })
  const [, ok = '0'] = /status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx/.exec(output) ?? []
  if (ok === '0') throw new Error(`${origin}: answers that are no success:\n${output}`)
  const times = lines.map((line) => Number(line.split('\t')[2]) / 1_000)
  return { requests: Number(ok), perSecond: Number(ok) / seconds, p99: percentile(times, 0.99) }
}

/** Runs a client that sends so many requests a second, whatever the answers take. */
export async function paced({ origin, path, tokens, seconds }: Asked, perSecond: number): Promise<LoadOutcome> {
  const order: PacedOrder = {
    port: Number(new URL(origin).port),
    path,
    tokens,
    seconds,
    perSecond,
    connections: CONNECTIONS,
  }
  const script = fileURLToPath(new URL('paced.js', import.meta.url))
  const outcome = JSON.parse(await run(OTHER_CORE, [process.execPath, script, JSON.stringify(order)])) as PacedOutcome
  return { ...outcome, perSecond: outcome.requests / seconds }
}
