// How long from a revocation's publication until the gateway refuses the token? One process publishes and asks; the
// gateway, its broker and its upstream run in another (`mgw demo`).
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import rhea, { type Sender } from 'rhea'
import { startDemoProcess } from '../support/demo-process.js'
import { histogram, percentile } from '../support/statistics.js'

const REVOCATIONS = 1_000
/** A revocation that is not enforced by then never was. */
const LIMIT = 5_000

const directory = mkdtempSync(join(tmpdir(), 'mgw-bench-'))
const demo = await startDemoProcess(directory)
const agent = new Agent({ keepAlive: true })
try {
  const tokens = await Promise.all(Array.from({ length: REVOCATIONS }, () => demo.token()))
  const sender = await openSender(demo.brokerPort)
  if ((await ask(tokens[0] ?? '')) !== 200) throw new Error('a token that is not revoked was refused')
  const samples: number[] = []
  for (const token of tokens) {
    const published = performance.now()
    sender.send({ body: { revokedToken: jti(token), ttl: '3600', expiryTime: Date.now() + 3_600_000 } })
    while ((await ask(token)) !== 401) {
      if (performance.now() - published > LIMIT) throw new Error('a revocation was not enforced')
    }
    samples.push(performance.now() - published)
  }
  console.log(`publish to first 401 over AMQP 1.0, ${REVOCATIONS} revocations, one after the other:`)
  console.log(histogram(samples, 'ms'))
  for (const p of [0.5, 0.9, 0.99, 1]) console.log(`p${p * 100}  ${percentile(samples, p).toFixed(2)} ms`)
  sender.connection.close()
} finally {
  agent.destroy()
  await demo.end()
  rmSync(directory, { recursive: true, force: true })
}

function openSender(port: number): Promise<Sender> {
  const connection = rhea.create_container().connect({ host: '127.0.0.1', port, username: 'admin', password: 'admin' })
  const sender = connection.open_sender('topic://tokenRevocation')
  return new Promise((resolve, reject) => {
    sender.once('sendable', () => resolve(sender))
    connection.once('disconnected', ({ error }: { error?: Error }) => reject(error ?? new Error('disconnected')))
  })
}

function ask(token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const url = `${demo.http}/petstore/v1/pet/1`
    const req = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (res) => {
      res.resume()
      res.on('end', () => resolve(res.statusCode ?? 0))
    })
    req.on('error', reject)
    req.end()
  })
}

function jti(token: string): string {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return (JSON.parse(payload) as { jti: string }).jti
}
