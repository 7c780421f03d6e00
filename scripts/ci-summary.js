// Runs `npm run check`, README's test command included, and the walk-through on the Node that is recommended; repeats what failed at the end, and
// closes with one line for a machine: `N passed, N failed`, from tap's own counts.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** A failure is repeated up to so many lines, and so many failures are. */
const LINES = 40
const FAILURES = 30

const failures = []
let isFailing = false
const total = { pass: 0, fail: 0, skip: 0, todo: 0 }
const statuses = [await run('npm', 'run', 'check'), await run(process.execPath, 'scripts/smoke-node.js')]
const skipped = total.skip + total.todo
if (failures.length > 0) console.log('\nFailed:')
for (const lines of failures.slice(0, FAILURES)) console.log(lines.join('\n'))
console.log(`${total.pass} passed, ${total.fail} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exit(statuses.find((status) => status !== 0) ?? 0)

/** Runs tests, passing their output on, and adds up what tap counted; resolves to the exit status. */
async function run(...[command, ...args]) {
  const tests = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let partial = ''
  let tail = ''
  tests.stdout.setEncoding('utf8')
  tests.stdout.on('data', (chunk) => {
    process.stdout.write(chunk)
    tail = (tail + chunk).slice(-4_000)
    const lines = (partial + chunk).split('\n')
    partial = lines.pop() ?? ''
    for (const line of lines) note(line)
  })
  const [status] = await once(tests, 'close')
  for (const name of Object.keys(total)) {
    total[name] += Number(new RegExp(`# \\{[^}]*\\b${name}: (\\d+)`).exec(tail)?.[1] ?? 0)
  }
  return status ?? 1
}

/** A test that failed is followed by its diagnosis, further in; the next result ends it. */
function note(line) {
  if (/^\s*not ok /.test(line)) {
    failures.push([line])
    isFailing = true
  } else if (/^\s*(ok |# Subtest|\d+\.\.\d+)/.test(line)) {
    isFailing = false
  } else if (isFailing && failures.at(-1).length < LINES) {
    failures.at(-1).push(line)
  }
}
