/*
 * How long from a revocation's writing to etcd until the gateway refuses the token? No topic: the gateway hears of it by
 * its watch. etcd, the gateway, and what writes and asks are processes of their own.
 *
 *   node dist/bench/sync/revoke-to-401.js [revocations]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Etcd3 } from 'etcd3'
import { Teardowns } from '../../test/chaos/teardowns.js'
import { startUpstream, type Token, type Upstream } from '../../test/chaos/upstream.js'
import { etcdMissing, startEtcd } from '../../test/services/etcd.js'
import { startGatewayProcess } from '../support/gateway-process.js'
import { Client, printTimes, timeRefusals } from '../support/refusals.js'
import { percentile } from '../support/statistics.js'

const revocations = Number(process.argv[2] ?? 1_000)
const t = new Teardowns()
try {
  const missing = etcdMissing()
  if (missing === false) await measureBoth()
  else console.log(missing)
} finally {
  await t.end()
}

async function measureBoth(): Promise<void> {
  const issuer = await startUpstream(t)
  const { url } = await startEtcd(t)
  const etcd = new Etcd3({ hosts: url })
  t.teardown(() => etcd.close())
  await measure(issuer, `${url}/v3/keys/jti/`, 'v3', ({ jti }) => etcd.put(`jti/${jti}`).value('3600').exec())
  await measure(issuer, `${url}/v2/keys/jti/`, 'v2', async ({ jti }) => {
    const answer = await fetch(`${url}/v2/keys/jti/${jti}`, {
      method: 'PUT',
      body: new URLSearchParams({ value: 'true', ttl: '3600' }),
    })
    await answer.arrayBuffer()
  })
}

function middleAndSlow(samples: readonly number[]): string {
  return [0.5, 0.99].map((p) => `p${p * 100} ${percentile(samples, p).toFixed(2)} ms`).join(', ')
}

async function measure(
  issuer: Upstream,
  endpointUrl: string,
  api: string,
  write: (token: Token) => Promise<unknown>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-bench-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const persistent = `enablePersistentStorageRetrieval = true\ntype = "etcd"\nendpointURL = "${endpointUrl}"\nusername = ""`
  const gateway = await startGatewayProcess({ issuer: issuer.origin, directory, persistent })
  const client = new Client(gateway.url)
  try {
    const tokens = await Promise.all(Array.from({ length: revocations }, () => issuer.token()))
    const writes: number[] = []
    const samples = await timeRefusals(
      client,
      tokens,
      ({ jwt }) => jwt,
      async (token) => {
        const begin = performance.now()
        await write(token)
        writes.push(performance.now() - begin)
      },
    )
    printTimes(`etcd ${api}: written to first 401`, samples)
    console.log(`of which until etcd has acknowledged it: ${middleAndSlow(writes)}`)
    const after = samples.map((ms, at) => Math.max(0, ms - (writes[at] ?? 0)))
    console.log(`and from then on:                        ${middleAndSlow(after)}\n`)
  } finally {
    client.close()
    await gateway.end()
  }
}
