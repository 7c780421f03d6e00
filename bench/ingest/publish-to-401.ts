// How long from a revocation's publication until the gateway refuses the token? One process publishes and asks; the
// gateway, its broker and its upstream run in another (`mgw demo`).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import rhea, { type Sender } from 'rhea'
import { startDemoProcess } from '../support/demo-process.js'
import { Client, printTimes, timeRefusals } from '../support/refusals.js'

const REVOCATIONS = Number(process.argv[2] ?? 1_000)

const directory = mkdtempSync(join(tmpdir(), 'mgw-bench-'))
const demo = await startDemoProcess(directory)
const client = new Client(`${demo.http}/petstore/v1/pet/1`)
try {
  const tokens = await Promise.all(Array.from({ length: REVOCATIONS }, () => demo.token()))
  const sender = await openSender(demo.brokerPort)
  const samples = await timeRefusals(
    client,
    tokens,
    (token) => token,
    (token) => sender.send({ body: { revokedToken: jti(token), ttl: '3600', expiryTime: Date.now() + 3_600_000 } }),
  )
  printTimes('publish to first 401 over AMQP 1.0', samples)
  sender.connection.close()
} finally {
  client.close()
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

function jti(token: string): string {
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return (JSON.parse(payload) as { jti: string }).jti
}
