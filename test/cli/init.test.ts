import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { mgw } from '../support/mgw.js'

async function run(t: Test, args: readonly string[], input?: string) {
  const started = mgw(t, args, {}, input)
  return { status: await started.ended(), said: started.output() }
}

const FLAGS = ['--upstream', 'http://localhost:8080/orders', '--issuer', 'https://issuer.example/realms/x']

t.test('mgw init writes a configuration and an API that mgw check accepts', async (t) => {
  for (const more of [
    [],
    [
      '--topic',
      'tcp://localhost:61616',
      '--store',
      'http://localhost:2379/v3/keys/jti/',
      '--jwks-url',
      'https://issuer.example/keys',
    ],
  ]) {
    const directory = join(t.testdir({}), 'new')
    const { status, said } = await run(t, ['init', directory, ...FLAGS, ...more])
    t.equal(status, 0, said)
    const checked = await run(t, ['check', '-c', join(directory, 'micro-gw.conf')])
    t.equal(checked.status, 0, checked.said)
    t.match(checked.said, /\/first\/v1 +First API, 5 operations, 5 secured/)
    t.match(checked.said, more.length === 0 ? /1 warning/ : /: ok\n/)
  }
})

t.test('mgw init --json names the files that it wrote', async (t) => {
  const directory = t.testdir({})
  const { said } = await run(t, ['init', directory, ...FLAGS, '--json'])
  const { files } = JSON.parse(said)
  t.equal(files.length, 2)
  for (const file of files) t.ok(existsSync(file), file)
})

t.test('mgw init overwrites nothing', async (t) => {
  const directory = t.testdir({ 'micro-gw.conf': 'mine' })
  const { status, said } = await run(t, ['init', directory, ...FLAGS])
  t.equal(status, 2)
  t.match(said, /micro-gw\.conf exists, and is not overwritten/)
  t.equal(readFileSync(join(directory, 'micro-gw.conf'), 'utf8'), 'mine')
})

t.test('mgw init writes neither file if one exists', async (t) => {
  const directory = t.testdir({ api_definitions: { 'first-api.yaml': 'mine' } })
  const { status, said } = await run(t, ['init', directory, ...FLAGS])
  t.equal(status, 2)
  t.match(said, /first-api\.yaml exists, and is not overwritten: nothing was written/)
  t.notOk(existsSync(join(directory, 'micro-gw.conf')))
})

t.test('mgw init keeps the password of a broker out of the configuration, and names the variable for it', async (t) => {
  const urls = [
    ['amqp://admin:s3cret@localhost:5672', 'amqp://localhost:5672'],
    [
      "amqp://admin:s3cret@carbon/carbon?brokerlist='tcp://localhost:5672'",
      "amqp://carbon/carbon?brokerlist='tcp://localhost:5672'",
    ],
  ]
  for (const [given = '', kept = ''] of urls) {
    const directory = t.testdir({})
    const { status, said } = await run(t, ['init', directory, ...FLAGS, '--topic', given])
    t.equal(status, 0, said)
    t.match(said, /MGW_BROKER_PASSWORD in the environment/)
    const file = join(directory, 'micro-gw.conf')
    const config = readFileSync(file, 'utf8')
    t.notMatch(config, /s3cret/)
    t.ok(config.includes(`jmsConnectionProviderUrl = ${JSON.stringify(kept)}`), config)
    t.match(config, /\n {2}jmsConnectionUsername = "admin"/)
    const checked = mgw(t, ['check', '-c', file], { MGW_BROKER_PASSWORD: 's3cret' })
    t.equal(await checked.ended(), 0, checked.output())
  }
})

t.test('mgw init takes a failover list and several etcd servers', async (t) => {
  const directory = t.testdir({})
  const more = ['--topic', 'failover:(tcp://a:61616,tcp://b:61616)', '--store', 'http://a:2379,b:2379/v3/keys/jti/']
  const { status, said } = await run(t, ['init', directory, ...FLAGS, ...more])
  t.equal(status, 0, said)
  const checked = await run(t, ['check', '-c', join(directory, 'micro-gw.conf')])
  t.equal(checked.status, 0, checked.said)
})

t.test('mgw init says which option is missing or wrong, and writes nothing', async (t) => {
  const cases: [args: string[], says: RegExp][] = [
    [[], /missing: --upstream, --issuer/],
    [['--upstream', 'localhost:8080', '--issuer', 'x'], /--upstream must be a URL that begins with http:\/\//],
    [[...FLAGS, '--topic', 'amqp://localhost:5672'], /--topic cannot be read: user information: .*user:password@/],
    [[...FLAGS, '--topic', 'kafka://localhost:9092'], /--topic cannot be read: scheme: expected amqp/],
    [[...FLAGS, '--store', 'http://a:2379/v9/keys/'], /--store endpointURL of the etcd store has a path other than/],
    [[...FLAGS, '--issuer', 'a "b'], /--issuer must be one word/],
  ]
  for (const [args, says] of cases) {
    const directory = t.testdir({})
    const { status, said } = await run(t, ['init', directory, ...args])
    t.equal(status, 2, said)
    t.match(said, says)
    t.notOk(existsSync(join(directory, 'micro-gw.conf')))
  }
})

t.test('mgw completion prints a script that bash runs, and that completes commands and their options', async (t) => {
  const directory = t.testdir({})
  const { status, said } = await run(t, ['completion', 'bash'])
  t.equal(status, 0)
  const file = join(directory, 'mgw.bash')
  writeFileSync(file, said)
  const completed = (...words: string[]) => {
    const script = `source ${file}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _mgw; echo "\${COMPREPLY[@]}"`
    return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim()
  }
  t.equal(completed('mgw', 'sta'), 'start status')
  t.match(completed('mgw', 'journal', ''), /^check accept-damaged --help$/)
  t.equal(completed('mgw', 'check', '-c', 'x.conf', '--con'), '--config --connect')
  t.equal(completed('mgw', 'start', '-c', ''), '', "the shell's own completion: files")
  t.equal(completed('mgw', 'init', '--json', ''), completed('mgw', 'init', ''))
  t.match(completed('mgw', 'completion', ''), /^bash zsh fish /)
  t.match((await run(t, ['completion', '--help'])).said, /choices: "bash", "zsh", "fish"/)
  t.match((await run(t, ['revoke', '--help'])).said, /^Exit status: 0 .*\n.*3 published/m)
  for (const shell of ['zsh', 'fish']) t.match((await run(t, ['completion', shell])).said, /accept-damaged/)
})
