import { once } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import t from 'tap'
import { answerOf, ask, http2Client } from './support/http2-client.js'
import type { Issued } from './support/issuer.js'
import { type By, issuingWorld } from './support/issuing-world.js'
import { EndlessUpstream } from './support/streams.js'

const INTERNAL_ERROR = 2

/** Opens a stream of events; resolves when its first bytes are there. */
async function openEvents(session: ClientHttp2Session, { jwt }: Issued, name: string): Promise<ClientHttp2Stream> {
  const stream = session.request({ ':path': `/things/events?name=${name}`, authorization: `Bearer ${jwt}` })
  stream.on('error', () => undefined)
  await once(stream, 'data')
  return stream
}

t.test('a revocation resets the streams of its token; others of the same connection live on', async (t) => {
  const upstream = new EndlessUpstream()
  let reached = 0
  const world = await issuingWorld(t, {
    upstream: (req, res) => {
      reached++
      if (req.url?.includes('/events') === true) upstream.listener(req, res)
      else res.end('{"ok":true}')
    },
  })
  const session = http2Client(t, Number(new URL(world.gateway.https).port))
  const other = await world.issue('ES256')
  const sibling = await openEvents(session, other, 'sibling')
  const bys: readonly By[] = ['jti', 'signature', 'token', 'subject', 'client', 'session']
  for (const by of bys) {
    const issued = await world.issue('ES256')
    const authorization = `Bearer ${issued.jwt}`
    t.match(await ask(session, { ':path': '/things/a', authorization }), { status: 200 })
    const streams = [await openEvents(session, issued, `${by}1`), await openEvents(session, issued, `${by}2`)]
    const closed = Promise.all(streams.map((stream) => new Promise((resolve) => stream.on('close', resolve))))
    const before = reached
    await world.revoke(by, issued)
    await closed
    t.strictSame(
      streams.map(({ rstCode }) => rstCode),
      [INTERNAL_ERROR, INTERNAL_ERROR],
      by,
    )
    await Promise.all([upstream.aborted(`${by}1`), upstream.aborted(`${by}2`)])
    t.match(await ask(session, { ':path': '/things/a', authorization }), { status: 401, body: /900901/ })
    t.match(await ask(session, { ':path': '/things/a', ':method': 'POST', authorization }, 'body'), { status: 401 })
    t.equal(reached, before, 'none reached the upstream')
    const came = once(sibling, 'data')
    upstream.write('sibling', 'still there')
    t.equal(String((await came)[0]), 'still there')
  }
  t.match(await ask(session, { ':path': '/things/a', authorization: `Bearer ${other.jwt}` }), { status: 200 })
})

t.test('an upload whose token is revoked is answered 401, though it goes on coming', async (t) => {
  let arrived: () => void = () => undefined
  const began = new Promise<void>((resolve) => {
    arrived = resolve
  })
  let aborted: () => void = () => undefined
  const isAborted = new Promise<void>((resolve) => {
    aborted = resolve
  })
  const world = await issuingWorld(t, {
    upstream: (req) => {
      req.on('error', () => undefined).on('aborted', () => aborted())
      req.once('data', () => arrived())
      req.resume()
    },
  })
  const session = http2Client(t, Number(new URL(world.gateway.https).port))
  const issued = await world.issue('ES256')
  const headers = { ':path': '/things/upload', ':method': 'POST', authorization: `Bearer ${issued.jwt}` }
  const upload = session.request(headers, { endStream: false })
  const answer = answerOf(upload)
  const more = () => {
    if (!upload.closed) upload.write(Buffer.alloc(16_384), more)
  }
  more()
  await began
  await world.revoke('jti', issued)
  t.match(await answer, { status: 401, body: /900901/ })
  await isAborted // at the upstream, too
})
