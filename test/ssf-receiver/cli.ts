import { parseArgs } from 'node:util'
import { type Outcome, runPoll, runPush } from './run.js'
import { Transmitter } from './transmitter.js'

/** `node dist/test/ssf-receiver/cli.js`: see README.md beside this file. */

const USAGE = `Usage:
  cli.js push --url URL --authorization HEADER --audience AUD [--subject-issuer ISS] [--port PORT]
  cli.js poll [--client-id ID] [--client-secret SECRET] [--subject-issuer ISS] [--seconds N] [--port PORT]`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: 'string' },
    authorization: { type: 'string', default: '' },
    audience: { type: 'string' },
    'subject-issuer': { type: 'string' },
    'client-id': { type: 'string', default: 'gateway' },
    'client-secret': { type: 'string', default: 'secret' },
    seconds: { type: 'string', default: '60' },
    port: { type: 'string', default: '9955' },
  },
})

const { url, authorization, audience } = values
const [command] = positionals
if (command === 'poll' || (command === 'push' && url !== undefined)) process.exitCode = await run(command)
else {
  console.error(USAGE)
  process.exitCode = 2
}

/** Resolves to the exit code: 1 if a case failed. */
async function run(how: 'push' | 'poll'): Promise<number> {
  const { 'client-id': clientId, 'client-secret': clientSecret, port, seconds } = values
  const transmitter = await Transmitter.start({ port: Number(port), clientId, clientSecret })
  const [key] = transmitter.keys
  if (key === undefined) throw new Error('no key')
  const { issuer } = transmitter
  const to = {
    issuer,
    audience: audience ?? transmitter.audience,
    key,
    subjectIssuer: values['subject-issuer'] ?? issuer,
  }
  console.log(`transmitter and issuer ${issuer}, keys at ${issuer}/keys, tokens at ${issuer}/token, aud ${to.audience}`)
  try {
    let failed = 0
    for await (const outcome of how === 'push' ? runPush(to, { url: url ?? '', authorization }) : polled()) {
      if (!outcome.passed) failed++
      console.log(`${outcome.passed ? 'ok  ' : 'FAIL'}  ${outcome.name.padEnd(50)} ${outcome.said}`)
    }
    if (failed > 0) console.log(`${failed} failed`)
    return failed > 0 ? 1 : 0
  } finally {
    await transmitter.close()
  }

  async function* polled(): AsyncGenerator<Outcome> {
    const patience = Number(seconds) * 1000
    if (await transmitter.until(() => transmitter.counts.polls > 0, patience))
      yield* await runPoll(to, transmitter, patience)
    else yield { name: 'polls', passed: false, said: `not within ${seconds} s` }
  }
}
