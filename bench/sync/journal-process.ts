/* Writes a journal, or opens one, in a process that does nothing else. Run by journal.ts. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { openJournal } from '../../src/journal/index.js'
import { silent } from '../../src/logging/index.js'
import { RevocationList } from '../../src/revocation/revocation-list.js'
import { identify } from '../../src/token/identity.js'

export interface Measured {
  readonly seconds: number
  readonly cpuSeconds: number
  /** The most memory that the process had. */
  readonly peakMb: number
  /** What of it the list's entries take. */
  readonly listMb: number
  readonly fileMb: number
  readonly stallMs: number
}

const MB = 1024 * 1024
const DAY = 86_400_000
/** Revocations after which the disk is waited for: the journal lets 200,000 wait. */
const BURST = 50_000
/** As the synchronizer enters what it lists, ms. */
const SLICE = 5
/** How many are looked up when all has been read. */
const LOOKUPS = 10_000

const [, , mode = '', path = '', count = ''] = process.argv
process.send?.(await measure(Number(count)), () => process.exit())

async function measure(count: number): Promise<Measured> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const start = performance.now()
  const now = Date.now()
  const opened = await openJournal({
    path,
    now,
    sources: 'bench',
    logger: silent('bench'),
    listOf: (fingerprints) => new RevocationList({ fingerprints, retention: 30 * DAY }),
  })
  const { list, journal } = opened
  if (mode === 'write') {
    let sliceStart = performance.now()
    for (let i = 0; i < count; i++) {
      list.add({ kind: 'token', id: id(i), expiresAt: now + DAY }, 'bench', now)
      if (i % BURST === 0) await journal.flush()
      if (performance.now() - sliceStart < SLICE) continue
      await setImmediate()
      sliceStart = performance.now()
    }
    await journal.flush()
  }
  const seconds = (performance.now() - start) / 1000
  // Its latest stall counts only when the loop has turned.
  await new Promise((resolve) => setTimeout(resolve, 10))
  delay.disable()
  const { user, system } = process.cpuUsage()
  const peakMb = process.resourceUsage().maxRSS / 1024
  const fileMb = journal.status().bytes / MB
  check(opened, count)
  await journal.close()
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakMb,
    listMb: list.bytes / MB,
    fileMb,
    stallMs: delay.max / 1e6,
  }
}

function check({ list, fingerprints }: Awaited<ReturnType<typeof openJournal>>, count: number): void {
  if (list.size.tokens !== count) throw new Error(`the list has ${list.size.tokens} of ${count} revocations`)
  const refuses = (token: string) => list.find(identify({ kind: 'opaque', token }, {}, fingerprints)) !== undefined
  for (let i = 0; i < LOOKUPS; i++) {
    if (!refuses(id(Math.floor((i / LOOKUPS) * count)))) throw new Error('a revoked token would pass')
  }
  if (refuses('another')) throw new Error('a token that nobody revoked would be refused')
}

function id(i: number): string {
  return `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`
}
