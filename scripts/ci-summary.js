// Runs `npm run check`, README's test command included, repeats what failed at the end, and closes with one line for a machine: `N passed, N failed`, from tap's own count.
import { spawn } from 'node:child_process'

/** A failure is repeated up to so many lines, and so many failures are. */
const LINES = 40
const FAILURES = 30

const tests = spawn('npm', ['run', 'check'], { stdio: ['ignore', 'pipe', 'inherit'] })
const failures = []
let isFailing = false
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
tests.on('close', (status) => {
  const count = (name) => Number(new RegExp(`# \\{[^}]*\\b${name}: (\\d+)`).exec(tail)?.[1] ?? 0)
  const skipped = count('skip') + count('todo')
  if (failures.length > 0) console.log('\nFailed:')
  for (const lines of failures.slice(0, FAILURES)) console.log(lines.join('\n'))
  console.log(`${count('pass')} passed, ${count('fail')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exit(status ?? 1)
})

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
