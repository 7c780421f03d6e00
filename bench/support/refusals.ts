import { Agent, request } from 'node:http'
import { histogram, percentile } from './statistics.js'

/** A revocation that is not enforced by then (ms) never was. */
const LIMIT = 5_000

/** Asks a gateway for one resource, over connections that it keeps. */
export class Client {
  readonly #url: string
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: string) {
    this.#url = url
  }

  /** Resolves to the status that a request with this token gets. */
  ask(token: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` }
      const req = request(this.#url, { agent: this.#agent, headers }, (res) => {
        res.resume()
        res.on('end', () => resolve(res.statusCode ?? 0))
      })
      req.on('error', reject)
      req.end()
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/**
 * Revokes one token after the other and asks with it until it is refused. Resolves to the milliseconds that it took
 * each time, from before `revoke` was called. Throws if a token is refused before, or is not refused in time.
 */
export async function timeRefusals<Token>(
  client: Client,
  tokens: readonly Token[],
  jwt: (token: Token) => string,
  revoke: (token: Token) => unknown,
): Promise<number[]> {
  const samples: number[] = []
  for (const token of tokens) {
    if ((await client.ask(jwt(token))) !== 200) throw new Error('a token that is not revoked was refused')
    const begin = performance.now()
    const revoked = Promise.resolve(revoke(token))
    while ((await client.ask(jwt(token))) !== 401) {
      if (performance.now() - begin > LIMIT) throw new Error('a revocation was not enforced')
    }
    samples.push(performance.now() - begin)
    await revoked
  }
  return samples
}

/** Prints times (ms) under a title. */
export function printTimes(title: string, samples: readonly number[]): void {
  console.log(`${title}, ${samples.length} revocations, one after the other:`)
  console.log(histogram(samples, 'ms'))
  for (const p of [0.5, 0.9, 0.99, 1]) console.log(`p${p * 100}  ${percentile(samples, p).toFixed(2)} ms`)
}
