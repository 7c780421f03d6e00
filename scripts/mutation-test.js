// Runs Stryker on the compiled pure folders with their unit tests: `npm run mutants [-- token revocation]`. Stryker is installed beside, not as a dependency: 170 packages that nobody else needs. About 3 s a mutant.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const PURE = ['token', 'revocation']
const VERSION = '9.6.1' // 10 needs Node 22
const folders = process.argv.length > 2 ? process.argv.slice(2) : PURE
for (const folder of folders) {
  if (!existsSync(`dist/test/${folder}`)) {
    console.error(`no tests in dist/test/${folder}: name folders of src that have some`)
    process.exit(2)
  }
}
const home = mkdtempSync(join(tmpdir(), 'mgw-stryker-'))
const run = (command, args, options) => execFileSync(command, args, { stdio: 'inherit', ...options })
try {
  const packages = ['core', 'tap-runner'].map((name) => `@stryker-mutator/${name}@${VERSION}`)
  writeFileSync(join(home, 'package.json'), '{ "private": true }\n')
  run('npm', ['install', '--no-audit', '--no-fund', ...packages], { cwd: home })
  const installed = join(home, 'node_modules/@stryker-mutator')
  const reports = resolve('.tap/mutants')
  mkdirSync(reports, { recursive: true })
  for (const folder of folders) {
    const config = join(home, `${folder}.json`)
    const options = {
      testRunner: 'tap',
      plugins: [join(installed, 'tap-runner/dist/src/index.js')],
      mutate: [`dist/src/${folder}/**/*.js`],
      tap: { testFiles: [`dist/test/${folder}/**/*.test.js`], nodeArgs: [] },
      concurrency: 1,
      coverageAnalysis: 'perTest',
      reporters: ['progress-append-only', 'clear-text', 'json'],
      jsonReporter: { fileName: join(reports, `${folder}.json`) },
      tempDirName: join(home, 'sandbox'),
      tsconfigFile: 'none.json', // what is mutated is JavaScript
      ignorePatterns: ['/tsconfig.json', '/bench', '/docs', '/examples', '/test', '/src', '/conf', '/.tap'],
      timeoutMS: 20_000,
    }
    writeFileSync(config, JSON.stringify(options))
    run(process.execPath, [join(installed, 'core/bin/stryker.js'), 'run', config])
  }
} finally {
  rmSync(home, { recursive: true, force: true })
}
