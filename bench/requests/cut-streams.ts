// How long from a revocation's publication until the client of an open download sees it cut? First 200 tokens with a stream
// each, revoked one after the other; then 200 streams of one subject, revoked at once.
import { Teardowns } from '../../test/chaos/teardowns.js'
import { issuingWorld } from '../../test/support/issuing-world.js'
import { EndlessUpstream, openStream, type Stream } from '../../test/support/streams.js'
import { percentile } from '../support/statistics.js'

const STREAMS = 200

const t = new Teardowns()
try {
  const upstream = new EndlessUpstream()
  const world = await issuingWorld(t, { upstream: upstream.listener })
  const open = (jwt: string) => openStream(t, world.gateway.http, '/things/download', jwt)
  const cutAfter = async ({ over }: Stream, published: number) => {
    const { end, at } = await over
    if (end !== 'error') throw new Error('a stream ended as if it were whole')
    return at - published
  }

  const control = await open((await world.issue('ES256')).jwt)
  const tokens = await Promise.all(Array.from({ length: STREAMS }, () => world.issue('ES256')))
  const streams = await Promise.all(tokens.map(({ jwt }) => open(jwt)))
  const one: number[] = []
  for (const [i, token] of tokens.entries()) {
    const stream = streams[i]
    if (stream === undefined) continue
    const published = performance.now()
    await world.revoke('jti', token)
    one.push(await cutAfter(stream, published))
  }
  print(`${STREAMS} revocations, one stream each`, one)

  const shared = await world.issue('ES256')
  const all = await Promise.all(Array.from({ length: STREAMS }, () => open(shared.jwt)))
  const published = performance.now()
  await world.revoke('subject', shared)
  print(`one revocation, ${STREAMS} streams`, await Promise.all(all.map((stream) => cutAfter(stream, published))))

  upstream.write(control.name, 'still there')
  await control.came('still there')
} finally {
  await t.end()
}

function print(title: string, samples: readonly number[]): void {
  const figures = [0.5, 0.9, 0.99, 1].map((p) => `p${p * 100} ${percentile(samples, p).toFixed(1)} ms`)
  console.log(`${title}: ${figures.join('  ')}`)
}
