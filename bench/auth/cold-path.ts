/**
 * How fast is a token verified that was never seen? Our authenticator (strict reading, jose, identity) against fast-jwt's
 * verifier alone, on the same tokens, in turns, in one process; both are checked first to accept the good and refuse the
 * forged. Prints medians, and the medians of the rounds' ratios.
 *
 *     node dist/bench/auth/cold-path.js [tokens a round] [rounds]
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { SignJWT } from 'jose'
import { isRefused } from '../../src/auth/authenticator.js'
import { JwtAuthenticator } from '../../src/auth/jwt.js'
import { FixedKey } from '../../src/auth/verification-keys.js'
import { Fingerprinter } from '../../src/token/fingerprint.js'
import { median } from '../support/statistics.js'

const ISSUER = 'https://issuer.example'
/** Requests under way at a time: jose verifies on the thread pool, so one alone would measure its latency. */
const IN_FLIGHT = 32
const [perRound = 250, rounds = 51] = process.argv.slice(2).map(Number)

interface Contender {
  readonly name: string
  /** Verifies each of the tokens once; rejects if one is refused. */
  run(tokens: readonly string[]): Promise<void> | void
}

function ours(publicKey: KeyObject): Contender {
  const authenticator = new JwtAuthenticator({
    issuers: [{ issuer: ISSUER, audience: [], keys: new FixedKey(publicKey), consumerKeyClaim: 'aud' }],
    timestampSkew: 5_000,
    cacheCapacity: 1,
    cacheExpiryTime: 0,
    fingerprints: Fingerprinter.random(),
  })
  return {
    name: 'mgw',
    async run(tokens) {
      let next = 0
      const lane = async () => {
        for (let token = tokens[next++]; token !== undefined; token = tokens[next++]) {
          const outcome = await authenticator.authenticate(token, Date.now())
          if (isRefused(outcome)) throw new Error(outcome.reason)
        }
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
    },
  }
}

function fastJwt(publicKey: KeyObject, alg: 'RS256' | 'ES256'): Contender {
  const key = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const verify = createVerifier({
    key,
    algorithms: [alg],
    allowedIss: ISSUER,
    requiredClaims: ['exp'],
    clockTolerance: 5_000,
    cache: false,
  })
  return {
    name: 'fast-jwt',
    run(tokens) {
      for (const token of tokens) verify(token)
    },
  }
}

async function refuses({ name, run }: Contender, token: string): Promise<void> {
  try {
    await run([token])
  } catch {
    return
  }
  throw new Error(`${name} accepted a forged token`)
}

async function signedTokens(privateKey: KeyObject, alg: string): Promise<string[]> {
  const tokens: string[] = []
  for (let i = 0; i < perRound; i++) {
    const claims = { sub: `user-${i}`, scope: 'read write', client_id: 'app', jti: crypto.randomUUID() }
    const token = new SignJWT(claims).setProtectedHeader({ alg, typ: 'at+jwt', kid: 'key-1' })
    tokens.push(
      await token.setIssuer(ISSUER).setAudience('gateway').setIssuedAt().setExpirationTime('1h').sign(privateKey),
    )
  }
  return tokens
}

async function compare(alg: 'RS256' | 'ES256'): Promise<void> {
  const options = { modulusLength: 2048, namedCurve: 'P-256' }
  const { privateKey, publicKey } =
    alg === 'RS256' ? generateKeyPairSync('rsa', options) : generateKeyPairSync('ec', options)
  const contenders = [ours(publicKey), fastJwt(publicKey, alg)]
  const tokens = await signedTokens(privateKey, alg)
  const [head, , signature] = (tokens[0] ?? '').split('.')
  for (const contender of contenders) {
    await contender.run(tokens) // warm, and all of them accepted
    await refuses(contender, `${head}.${(tokens[1] ?? '').split('.')[1]}.${signature}`)
  }
  const rounded = contenders.map((): { rate: number; cpu: number }[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) rounded[i]?.push(await measure(contender, tokens))
  }
  const [mine = [], theirs = []] = rounded
  const ratio = (of: 'rate' | 'cpu') =>
    median(mine.map((own, i) => own[of] / (theirs[i]?.[of] ?? Number.NaN))).toFixed(2)
  const each = (of: 'rate' | 'cpu') => [mine, theirs].map((one) => Math.round(median(one.map((round) => round[of]))))
  console.log(`${alg}  tokens/s: mgw, fast-jwt ${each('rate').join(', ')}; ratio ${ratio('rate')}`)
  console.log(`${alg}  CPU us a token: mgw, fast-jwt ${each('cpu').join(', ')}; ratio ${ratio('cpu')}`)
}

/** CPU time, of all threads, is what a loaded machine distorts least. */
async function measure({ run }: Contender, tokens: readonly string[]): Promise<{ rate: number; cpu: number }> {
  const begun = performance.now()
  const before = process.cpuUsage()
  await run(tokens)
  const { user, system } = process.cpuUsage(before)
  return { rate: tokens.length / ((performance.now() - begun) / 1000), cpu: (user + system) / tokens.length }
}

console.log(`${perRound} tokens a round, ${rounds} rounds, ${IN_FLIGHT} in flight, Node ${process.version}`)
await compare('RS256')
await compare('ES256')
