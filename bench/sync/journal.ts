/*
 * How long does a restart take to read its journal, in how much memory, and how long are other things held up? Writes a
 * journal of 20 million revocations as the gateway does, and opens it in a fresh process, which checks what it has read.
 *
 *   node dist/bench/sync/journal.js [count ...]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Measured } from './journal-process.js'

const COUNTS = [20_000_000]
const PROCESS = fileURLToPath(new URL('./journal-process.js', import.meta.url))

const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : COUNTS
console.log('entries      does      seconds (cpu)     peak MB (list)    file MB   longest stall ms')
for (const count of counts) {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-bench-'))
  try {
    const path = join(directory, 'revocations.journal')
    for (const mode of ['write', 'read'] as const) report(count, mode, await inProcess(mode, path, count))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function inProcess(mode: 'write' | 'read', path: string, count: number): Promise<Measured> {
  const child = fork(PROCESS, [mode, path, String(count)])
  const exit = once(child, 'exit')
  const [measured] = await Promise.race([once(child, 'message'), exit.then(([code]) => failed(code))])
  await exit
  return measured as Measured
}

function failed(code: unknown): never {
  throw new Error(`the process that was measured ended with ${String(code)}`)
}

function report(count: number, mode: string, measured: Measured): void {
  const { seconds, cpuSeconds, peakMb, listMb, fileMb, stallMs } = measured
  const time = `${seconds.toFixed(2)} (${cpuSeconds.toFixed(2)})`
  const memory = `${peakMb.toFixed(0)} (${listMb.toFixed(0)})`
  console.log(
    `${String(count).padEnd(12)} ${mode.padEnd(9)} ${time.padEnd(17)} ${memory.padEnd(17)} ${fileMb.toFixed(0).padEnd(9)} ${stallMs.toFixed(1)}`,
  )
}
