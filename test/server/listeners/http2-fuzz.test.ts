// Many connections of valid and invalid HTTP/2 frames, drawn by a seed, against a gateway in a process of its own. By hand for
// longer: MGW_FUZZ_SECONDS=60 MGW_FUZZ_SEED=7 node dist/test/server/listeners/http2-fuzz.test.js
import t, { type Test } from 'tap'
import { Random } from '../../chaos/random.js'
import { ask, http2Client } from '../../support/http2-client.js'
import * as h2 from '../../support/http2-frames.js'
import { issuingWorld } from '../../support/issuing-world.js'

const SECONDS = Number(process.env.MGW_FUZZ_SECONDS ?? 2)
const SEED = Number(process.env.MGW_FUZZ_SEED ?? Date.now() % 1_000_000)
const CONNECTIONS = 8
/** Frames that are written at once. */
const BATCH = 20
/** Bytes by which the gateway may grow. */
const GROWTH = 200_000_000

/** What one connection sends: mostly frames of open streams, so that the others meet a connection that is under way. */
class Frames {
  readonly #random: Random
  readonly #authorization: string
  #last = -1
  /** Whether a HEADERS waits for its CONTINUATION. */
  #continues = false

  constructor(random: Random, token: string) {
    this.#random = random
    this.#authorization = `Bearer ${token}`
  }

  draw(): Buffer {
    if (this.#continues && this.#below(10) > 0) return this.#continuation()
    const kind = this.#below(100)
    if (kind < 35) return h2.headers(this.#next(), this.#request('GET'))
    if (kind < 45) return h2.headers(this.#next(), this.#request('POST'), false)
    if (kind < 60) return h2.frame(h2.TYPE.data, this.#below(2), this.#stream(), this.#bytes(2_000))
    if (kind < 68) return h2.windowUpdate(this.#below(2) === 0 ? 0 : this.#stream(), this.#below(70_000))
    if (kind < 74) return h2.reset(this.#stream(), this.#below(14))
    if (kind < 78) return this.#headersOfTwoFrames()
    if (kind < 81) return h2.settings([this.#below(8), this.#below(2 ** 17)])
    if (kind < 84) return h2.frame(h2.TYPE.ping, this.#below(2), 0, this.#bytes(8, 8))
    if (kind < 87) return h2.frame(h2.TYPE.priority, 0, this.#stream(), this.#bytes(5, 5))
    if (kind < 90) return h2.frame(h2.TYPE.headers, 5, this.#next(), this.#bytes(200)) // no HPACK
    if (kind < 96) return h2.frame(this.#below(12), this.#below(256), this.#stream(), this.#bytes(300))
    if (kind < 98) return h2.frame(this.#below(256), this.#below(256), this.#below(2 ** 31), this.#bytes(50))
    return this.#bytes(50) // no frame
  }

  #below(limit: number): number {
    return this.#random.between(0, limit - 1)
  }

  #request(method: string): [string, string][] {
    const path = ['/things/a', '/things/b?c=d', '/none', '*', '//', 'x'][this.#below(6)] ?? '/'
    const more: [string, string][][] = [
      [['authorization', this.#authorization]],
      [['authorization', `Bearer ${this.#below(1_000)}`]],
      [
        ['authorization', this.#authorization],
        ['content-length', String(this.#below(3_000))],
      ],
      [['connection', 'close']],
      [['x', 'a'.repeat(this.#below(9_000))]],
      [],
    ]
    return [...h2.pseudo(path, method), ...(more[this.#below(more.length)] ?? [])]
  }

  #headersOfTwoFrames(): Buffer {
    this.#continues = true
    const flags = this.#below(2)
    return h2.frame(h2.TYPE.headers, flags, this.#next(), h2.block(this.#request('GET')))
  }

  #continuation(): Buffer {
    this.#continues = this.#below(3) > 0
    const flags = this.#continues ? 0 : h2.FLAG.endHeaders
    return h2.frame(h2.TYPE.continuation, flags, this.#last, h2.block([['x-more', 'b']]))
  }

  #next(): number {
    this.#last += 2
    return this.#last
  }

  /** One that was opened lately, seldom one that was not. */
  #stream(): number {
    return Math.max(0, this.#last - 2 * this.#below(6) + (this.#below(20) === 0 ? 1 : 0))
  }

  #bytes(most: number, least = 0): Buffer {
    return Buffer.from(Array.from({ length: least + this.#below(most - least + 1) }, () => this.#below(256)))
  }
}

/** Sends until the time is over, on one connection after the other; resolves with how many frames and connections. */
async function fuzz(t: Test, port: number, random: Random, token: string, isOver: () => boolean) {
  const sent = { frames: 0, connections: 0 }
  while (!isOver()) {
    const raw = await h2.rawHttp2(t, port)
    const frames = new Frames(random, token)
    sent.connections++
    while (!isOver() && !raw.socket.destroyed && !raw.frames.some(({ type }) => type === h2.TYPE.goAway)) {
      raw.frames.length = 0
      raw.send(...Array.from({ length: BATCH }, () => frames.draw()))
      sent.frames += BATCH
      await Promise.race([new Promise((resolve) => raw.socket.write('', resolve)), raw.closed])
      await new Promise(setImmediate)
    }
    raw.socket.destroy()
  }
  return sent
}

t.test(
  `connections of valid and invalid HTTP/2 frames neither end the gateway, nor fill it, nor keep it from others; seed ${SEED}`,
  async (t) => {
    const upstream = (req: NodeJS.ReadableStream, res: { end(body: string): void }) => {
      req
        .resume()
        .on('end', () => res.end('{"ok":true}'))
        .on('error', () => undefined)
    }
    const { gateway, issue } = await issuingWorld(t, { upstream })
    const port = Number(new URL(gateway.https).port)
    const { jwt } = await issue('ES256')
    const memory = async () => {
      const text = await (await fetch(`${gateway.admin}/metrics`)).text()
      return Number(/^process_resident_memory_bytes\{process="primary"\} (\S+)$/m.exec(text)?.[1])
    }
    const before = await memory()
    const until = performance.now() + SECONDS * 1_000
    const isOver = () => performance.now() >= until
    const fuzzing = Array.from({ length: CONNECTIONS }, (_, i) => fuzz(t, port, new Random(SEED + i), jwt, isOver))
    const good = http2Client(t, port)
    const took: number[] = []
    while (!isOver()) {
      const begun = performance.now()
      const { status } = await ask(good, { ':path': '/things/good', authorization: `Bearer ${jwt}` })
      if (status !== 200) t.equal(status, 200)
      took.push(performance.now() - begun)
    }
    const sent = await Promise.all(fuzzing)
    const total = (of: 'frames' | 'connections') => sent.reduce((sum, each) => sum + each[of], 0)
    const grown = (await memory()) - before
    took.sort((a, b) => a - b)
    const p99 = took[Math.floor(took.length * 0.99)] ?? 0
    t.comment(
      `Node ${process.versions.node}: ${total('frames')} frames on ${total('connections')} connections; grown by ${Math.round(grown / 1e6)} MB; ` +
        `another client: ${took.length} requests, p99 ${Math.round(p99)} ms`,
    )
    t.ok(total('connections') >= CONNECTIONS)
    t.ok(took.length > 0)
    t.ok(grown < GROWTH, `${grown} bytes`)
    t.equal((await fetch(`${gateway.http}/health`)).status, 200)
    t.equal(gateway.process.child.exitCode, null)
  },
)
