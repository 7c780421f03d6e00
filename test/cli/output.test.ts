import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startGateway, world } from '../support/gateway.js'

const MGW = process.env.MGW_EXECUTABLE ?? `${process.execPath} bin/mgw.js`

/** Runs a line of bash, in which `mgw` is the command and `$CLOSED` a pipe that nobody reads. */
function bash(line: string) {
  const script = `mgw() { ${MGW} "$@"; }; exec {CLOSED}> >(exec true); wait $!; ${line}`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', input: 'a.b\n' })
  return { status, stdout, stderr: stderr.replace(/^warning: .*\n/gm, '') }
}

t.test('a command whose reader has gone ends like others; one that cannot write says so in a line', async (t) => {
  const file = join(t.testdir(), 'micro-gw.conf')
  writeFileSync(file, 'apiDefinitions = "."\n[server]\n  workers = 1\n')
  for (const [command, status] of [
    ['completion fish', 141],
    ['--help', 0],
    ['status --help', 0],
    ['--version', 0],
    [`check -c ${file}`, 0],
    [`check --json -c ${file}`, 0],
    ['check --json -c none', 2],
    [`journal check -c ${file}`, 141],
    [`init ${t.testdirName}/init --upstream http://h --issuer https://i`, 141],
  ] as const) {
    t.strictSame(bash(`mgw ${command} >&$CLOSED`), { status, stdout: '', stderr: '' }, command)
    const stderr = 'mgw: cannot write to standard output (ENOSPC)\n'
    t.strictSame(bash(`mgw ${command.replace('/init', '/2')} >/dev/full`), { status: 1, stdout: '', stderr }, command)
  }
  t.match(bash('mgw check -c none 2>&$CLOSED'), { status: 2, stdout: '' }, 'standard error')
  t.match(bash('mgw check -c none 2>/dev/full'), { status: 2, stdout: '' }, 'standard error')
})

t.test('mgw status --watch ends with its reader, and the last state is its exit status', async (t) => {
  const w = await world(t)
  const gateway = await startGateway(t, w.configFile())
  await gateway.known()
  t.match(bash(`mgw status --watch --admin ${gateway.admin} | head -1; exit \${PIPESTATUS[0]}`), {
    status: 0,
    stdout: /^mgw .*, ready\n$/,
    stderr: '',
  })
})

t.test('commands write through one file', async (t) => {
  for (const name of readdirSync('src/cli').filter((each) => each !== 'output.ts')) {
    t.notMatch(readFileSync(join('src/cli', name), 'utf8'), /console\.|\bstd(?:out|err)\.write/, name)
  }
})
