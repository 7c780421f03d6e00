// What does a request through mgw cost, beside what a user would pick instead? Each row starts its gateways, checks their
// answers (200, and 401 for a revoked and for no token), and loads them in turn; prints medians as Markdown.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { Agent, request } from 'node:https'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from '../support/statistics.js'
import { type Contender, type Kind, kinds } from './contenders.js'
import { type Asked, h2load, type LoadOutcome, paced, wrk } from './load.js'
import { nodeOf } from './nodes.js'
import { type BenchOptions, readOptions, USAGE } from './options.js'
import { cpuTime, isInstalled } from './processes.js'
import { type Figures, markdown } from './report.js'
import { ROWS, type Row } from './rows.js'
import { createWorld, type World } from './world.js'

interface Entrant {
  readonly kind: Kind
  readonly contender: Contender
  readonly samples: { readonly cpu: number; readonly outcome: LoadOutcome }[]
}

/** Requests a second at which the paced row loads everybody: half of HAProxy's median. */
let half: number | undefined

async function measure(row: Row, all: readonly Kind[], world: World, options: BenchOptions): Promise<void> {
  const entrants: Entrant[] = []
  try {
    for (const kind of all) {
      if (!kind.can(row) || row.of?.includes(kind.name) === false) continue
      const contender = await kind.start(world, row)
      entrants.push({ kind, contender, samples: [] })
      if (row.load === 'h2load' && !contender.speaksH2) {
        console.error(`left out: ${kind.name} does not speak HTTP/2`)
        await entrants.pop()?.contender.end()
      } else await check(kind, contender, row, world)
    }
    for (let round = -1; round < options.rounds; round++) {
      for (const entrant of round % 2 === 0 ? entrants : entrants.toReversed()) {
        if (round < 0) await warmUp(entrant.contender, row, world, options.seconds)
        else entrant.samples.push(await load(entrant.contender, row, world, options.seconds))
      }
    }
    const figures = entrants.map(figuresOf)
    if (row.name === 'base') half = (figures.find(({ name }) => name === 'HAProxy')?.perSecond ?? 0) / 2
    console.log(markdown(row.title, figures))
  } finally {
    await Promise.all(entrants.map(({ contender }) => contender.end()))
  }
}

function figuresOf({ kind, samples }: Entrant): Figures {
  const of = (value: (sample: Entrant['samples'][number]) => number) => median(samples.map(value))
  return {
    name: kind.name,
    node: kind.node?.major,
    cpu: of(({ cpu }) => cpu),
    perSecond: of(({ outcome }) => outcome.perSecond),
    p99: of(({ outcome }) => outcome.p99),
  }
}

async function load({ origin, pid }: Contender, row: Row, world: World, seconds: number) {
  const { method, path, tokens, header, body } = row
  const asked: Asked = { origin, method, path, tokens: tokens(world), header, body, seconds }
  const before = cpuTime(pid)
  const outcome = await start(row, world, asked)
  return { cpu: ((cpuTime(pid) - before) * 1_000) / outcome.requests, outcome }
}

/** A just-in-time compiler is done after a number of requests, not after a time: a busy machine serves few in a second. */
async function warmUp(contender: Contender, row: Row, world: World, seconds: number): Promise<void> {
  let requests = 0
  for (let runs = 0; requests < WARM && runs < 4; runs++) {
    requests += (await load(contender, row, world, seconds)).outcome.requests
  }
}

const WARM = 15_000

function start(row: Row, { directory }: World, asked: Asked): Promise<LoadOutcome> {
  if (row.load === 'h2load') return h2load(directory, asked)
  if (row.load === 'wrk') return wrk(directory, asked)
  return paced(asked, half || HALF)
}

/** Where HAProxy was not measured: half of what it manages on the machine of docs/performance.md. */
const HALF = 8_000

/** Throws unless the gateway answers as it must. */
async function check({ name }: Kind, { origin }: Contender, row: Row, world: World): Promise<void> {
  const bearer = (token: string) => ({ [row.header]: `Bearer ${token}` })
  const expected: [string, Record<string, string>, number][] = [['a valid token', bearer(world.validToken), 200]]
  if (row.authenticate) {
    expected.push(['a revoked token', bearer(world.revokedToken), 401], ['no token', {}, 401])
    expected.push(['a forged token', bearer(`${world.validToken.slice(0, -8)}AAAAAAAA`), 401])
  }
  for (const [what, headers, status] of expected) {
    const answered = await ask(origin, row, headers)
    if (answered !== status) throw new Error(`${name} answers ${answered} to ${what}, expected ${status}`)
  }
}

function ask(origin: string, { method, path }: Row, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const url = origin + path
    const req = url.startsWith('https')
      ? request(url, { method, headers, agent: new Agent({ rejectUnauthorized: false }) })
      : plainRequest(url, { method, headers, agent: false })
    req.on('response', (res) => {
      res.resume()
      res.on('end', () => resolve(res.statusCode ?? 0))
    })
    req.on('error', reject)
    req.end()
  })
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  const missing = ['taskset', 'nginx', 'wrk'].filter((program) => !isInstalled(program))
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}`)
  if (availableParallelism() < 2) throw new Error('two cores are needed')
  const isMeant = (names: readonly string[], name: string) =>
    !options.only.some((part) => names.some((one) => matches(one, part))) ||
    options.only.some((part) => matches(name, part))
  const nodes = options.nodes.flatMap((major) => nodeOf(major) ?? [])
  const found = kinds(nodes)
  const rowNames = ROWS.map(({ name }) => name)
  const names = found.map(({ name }) => name)
  const directory = mkdtempSync(join(tmpdir(), 'mgw-bench-'))
  chmodSync(directory, 0o711) // nginx's workers are nobody's, and must reach their files
  const world = await createWorld(directory)
  try {
    for (const row of ROWS) {
      if (!isMeant(rowNames, row.name)) continue
      if (row.load === 'h2load' && !isInstalled('h2load')) console.error('left out: h2load is not installed')
      else
        await measure(
          row,
          found.filter(({ name }) => isMeant(names, name)),
          world,
          options,
        )
    }
  } finally {
    await world.end()
    rmSync(directory, { recursive: true, force: true })
  }
}

function matches(name: string, part: string): boolean {
  return name.toLowerCase().includes(part.toLowerCase())
}

if (process.argv.includes('--help')) console.log(USAGE)
else await main()
