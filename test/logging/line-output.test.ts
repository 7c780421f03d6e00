import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { hasCode } from '../../src/error-code.js'
import { LineOutput } from '../../src/logging/index.js'

const WRITER = fileURLToPath(new URL('write-lines.js', import.meta.url))

function writer(t: Test, lines: number, when: 'at-once' | 'end') {
  const child = spawn(process.execPath, [WRITER, String(lines), when], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

interface Line {
  readonly i?: number
  readonly lines?: number
}

t.test('every line is there when the process exits at once', async (t) => {
  const child = writer(t, 5_000, 'at-once')
  const lines = (await text(child.stdout)).trim().split('\n')
  t.same(
    lines.map((line) => (JSON.parse(line) as Line).i),
    Array.from({ length: 5_000 }, (_, i) => i),
  )
})

t.test('a reader that has gone does not keep the process from exiting', async (t) => {
  const child = writer(t, 5_000, 'end')
  await once(child.stdout, 'readable')
  child.stdout.destroy()
  child.stdin.write('end')
  const [status] = await once(child, 'exit')
  t.equal(status, 0)
})

t.test('a reader that is stuck does not keep the process from exiting, at a pipe or at a socket', async (t) => {
  // Without what the test's runner loads into each Node.js process, which opens standard output too.
  const write = `NODE_OPTIONS= "${process.execPath}" "${WRITER}" 5000 at-once`
  const child = spawn('sh', ['-c', `exec env ${write}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [status] = await once(child, 'exit')
  t.equal(status, 0)
  const command = `{ ${write}; echo "status $?" >&2; } | sleep 600`
  const shell = spawn('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  t.teardown(() => process.kill(-(shell.pid ?? Number.NaN), 'SIGKILL'))
  const [said] = await once(shell.stderr, 'data')
  t.equal(String(said), 'status 0\n')
})

t.test('lines beyond the buffer of a slow reader are dropped and counted', async (t) => {
  const child = writer(t, 40_000, 'end')
  let [taken, leftOut] = [0, 0]
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line
    if (line.lines === undefined) taken++
    else leftOut += line.lines
    if (taken + leftOut === 40_000) child.stdin.write('end')
  }
  t.ok(leftOut > 10_000, `${leftOut} lines were left out`)
  t.equal(taken + leftOut, 40_000)
})

/** Opens a named pipe for reading, and reads until `end` has come. */
function pipeReader(file: string) {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  const buffer = Buffer.alloc(4_096)
  return {
    async until(end: string): Promise<string> {
      for (let all = ''; ; await setImmediate()) {
        try {
          all += buffer.toString('latin1', 0, readSync(fd, buffer))
        } catch (error) {
          if (!hasCode(error, 'EAGAIN')) throw error
        }
        if (all.includes(end)) return all
      }
    },
    close: () => closeSync(fd),
  }
}

t.test(
  'a named pipe: lines without a reader are counted, a torn one joins no other, and nobody waits for long',
  async (t) => {
    const file = join(t.testdir(), 'pipe')
    execFileSync('mkfifo', [file])
    const leftOut: number[] = []
    const failed: string[] = []
    const options = {
      file,
      onLeftOut: (lines: number) => leftOut.push(lines),
      onFailed: (error: Error) => failed.push(error.message),
    }
    t.throws(() => new LineOutput(options), { code: 'ENXIO' }, 'nobody reads it')

    const first = pipeReader(file)
    const output = new LineOutput(options)
    output.write('one\n')
    output.write(`${'x'.repeat(500_000)}\n`)
    t.match(await first.until('x'), /^one\nx+$/)
    first.close()
    output.write('nobody reads this\n')
    while (output.dropped < 2) await setImmediate()
    t.match(failed, [/EPIPE/, /EPIPE/])
    t.strictSame(leftOut, [], 'none could be written since')

    const second = pipeReader(file)
    t.teardown(second.close)
    output.write('two\n')
    t.match(await second.until('two\n'), /x\ntwo\n$/)
    while (leftOut.length === 0) await setImmediate()
    t.strictSame(leftOut, [2])

    for (let i = 0; i < 200; i++) output.write(`${'y'.repeat(1_000)}\n`)
    await output.close()
    t.ok(output.dropped > 100, 'a reader that is stuck keeps no gateway from ending')
  },
)
