import { createLogging } from '../../src/logging/index.js'

// Writes as many lines as it is told to, faster than anybody reads, and ends when it is told `end`, or at once.
const [, , lines = '0', when = 'at-once'] = process.argv
const log = createLogging({ level: 'info', format: 'json' })('Test')
for (let i = 0; i < Number(lines); i++) log.info('a line', { i, padding: 'x'.repeat(200) })
if (when === 'at-once') setImmediate(() => process.exit(0))
else process.stdin.once('data', () => process.exit(0))
