// Runs `npm run check`, README's test command included, and closes with one line for a machine: `N passed, N failed`, from tap's own count.
import { spawn } from 'node:child_process'

const tests = spawn('npm', ['run', 'check'], { stdio: ['ignore', 'pipe', 'inherit'] })
let tail = ''
tests.stdout.setEncoding('utf8')
tests.stdout.on('data', (chunk) => {
  process.stdout.write(chunk)
  tail = (tail + chunk).slice(-4_000)
})
tests.on('close', (status) => {
  const count = (name) => Number(new RegExp(`# \\{[^}]*\\b${name}: (\\d+)`).exec(tail)?.[1] ?? 0)
  const skipped = count('skip') + count('todo')
  console.log(`${count('pass')} passed, ${count('fail')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exit(status ?? 1)
})
