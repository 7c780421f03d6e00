import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, request, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { forward } from '../../../src/proxy/http/forward.js'
import { Http1Stream } from '../../../src/proxy/http/http1-stream.js'
import type { Transfer, UpstreamFailure } from '../../../src/proxy/transfer.js'
import { toUpstreams } from '../../support/endpoints.js'
import { SILENT } from '../../support/forwarding.js'
import { exchangeRaw, httpClient, httpServer, tcpServer } from '../../support/servers.js'

interface Proxy {
  readonly port: number
  readonly origin: string
  readonly transfers: Transfer[]
  /** Failures, as they come. */
  readonly failures: UpstreamFailure[]
  /** Transfers that are over. */
  ended(): number
  failure(): Promise<UpstreamFailure>
}

/** A server that forwards everything to one upstream, and answers a failure with 599. */
async function proxy(
  t: Test,
  origin: string | [string, ...string[]],
  options: { mayStart?: () => boolean; mayGoOn?: () => boolean; maxBodyBytes?: number; clientTimeout?: number } = {},
) {
  const client = httpClient(t, { responseTimeout: 300 })
  const failures: UpstreamFailure[] = []
  const transfers: Transfer[] = []
  let told: (() => void) | undefined
  let ended = 0
  const to = toUpstreams(origin)
  const server = createServer((req, res) => {
    const upstream = to(req.url ?? '/', SILENT.requestHeaders(req, req.socket, new Set()))
    const stream = new Http1Stream(req, res, options.clientTimeout)
    const transfer = forward(
      upstream,
      stream,
      {
        mayStart: options.mayStart ?? (() => true),
        mayGoOn: options.mayGoOn ?? (() => true),
        failed: (failure, answered) => {
          failures.push(failure)
          if (!answered) stream.respond(599, ['connection', 'close'], failure)
          told?.()
        },
        ended: () => {
          ended++
        },
      },
      {
        client,
        maxBodyBytes: options.maxBodyBytes ?? Number.POSITIVE_INFINITY,
      },
    )
    transfers.push(transfer)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const result: Proxy = {
    port,
    origin: `http://127.0.0.1:${port}`,
    transfers,
    failures,
    ended: () => ended,
    failure: async () => {
      if (failures.length === 0) {
        await new Promise<void>((resolve) => {
          told = resolve
        })
      }
      return failures[0] as UpstreamFailure
    },
  }
  return result
}

t.test('a body goes through both ways unchanged, whatever its size and framing', async (t) => {
  const { origin } = await httpServer(t, (req, res) => void req.pipe(res))
  const via = await proxy(t, origin)
  const body = Buffer.alloc(3_000_000, 'abc')
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const answer = await fetch(via.origin, { method, body })
    t.ok(body.equals(Buffer.from(await answer.arrayBuffer())), `${method} with a length`)
    const stream = new Blob([body]).stream()
    const chunked = await fetch(via.origin, { method, body: stream, duplex: 'half' } as RequestInit)
    t.ok(body.equals(Buffer.from(await chunked.arrayBuffer())), `${method} in chunks`)
  }
})

t.test('a body with DELETE or OPTIONS cannot smuggle a second request', async (t) => {
  const seen: string[] = []
  const { origin } = await httpServer(t, async (req, res) => {
    seen.push(`${req.method} ${req.url} ${(await text(req)).length}`)
    res.end('ok')
  })
  const via = await proxy(t, origin)
  const smuggled = 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n'
  const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`
  for (const method of ['DELETE', 'OPTIONS', 'GET']) {
    await exchangeRaw(
      via.port,
      `${method} /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    )
  }
  t.strictSame(
    seen,
    ['DELETE', 'OPTIONS', 'GET'].map((method) => `${method} /x ${smuggled.length}`),
  )
})

t.test('status, reason, headers and their repetition come back; hop-by-hop headers do not', async (t) => {
  const { origin } = await httpServer(t, (_, res) => {
    res.writeHead(418, 'Short And Stout', [
      'Set-Cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'Connection',
      'X-Hop',
      'X-Hop',
      '1',
    ])
    res.end('tea')
  })
  const via = await proxy(t, origin)
  const answer = await exchangeRaw(via.port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.match(answer, /^HTTP\/1\.1 418 Short And Stout\r\n/)
  t.match(answer, /Set-Cookie: a=1\r\nset-cookie: b=2\r\n/)
  t.notMatch(answer, /x-hop/i)
  t.match(answer, /tea/)
})

t.test(
  'a small body of any bytes comes back byte for byte, also after an earlier response of the connection',
  async (t) => {
    const body = Buffer.from(Array.from({ length: 1_024 }, (_, i) => i & 0xff))
    const { origin } = await httpServer(
      t,
      (_, res) => void res.writeHead(200, { 'Content-Length': body.length }).end(body),
    )
    const via = await proxy(t, origin)
    const request = 'GET / HTTP/1.1\r\nHost: x\r\n'
    const answers = await exchangeRaw(via.port, `${request}\r\n${request}Connection: close\r\n\r\n`)
    const bodies = answers.split(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\n/)
    t.strictSame(bodies, ['', body.toString('latin1'), body.toString('latin1')])
  },
)

t.test('a small response that is refused with its last part does not reach the client in any part', async (t) => {
  const { origin } = await httpServer(t, (_, res) => void res.writeHead(200, { 'Content-Length': 6 }).end('secret'))
  let asked = 0
  const via = await proxy(t, origin, { mayGoOn: () => ++asked < 3 })
  const answer = await fetch(via.origin)
  t.equal(answer.status, 599)
  t.equal(await answer.text(), 'refused')
})

t.test('a reason that cannot stand in a status line is replaced, and the response is forwarded', async (t) => {
  const { port } = await tcpServer(t, (socket) => {
    socket.once('data', (request: Buffer) => {
      const reason = request.toString().includes('/utf8')
        ? Buffer.from('Introuvé')
        : Buffer.from('Introuv\xe9', 'latin1')
      socket.end(Buffer.concat([Buffer.from('HTTP/1.1 404 '), reason, Buffer.from('\r\nContent-Length: 2\r\n\r\nno')]))
    })
  })
  const via = await proxy(t, `http://127.0.0.1:${port}`)
  for (const path of ['/latin1', '/utf8']) {
    const answer = await exchangeRaw(via.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    t.match(answer, /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*\r\n\r\nno$/, path)
  }
  t.strictSame(via.failures, [])
  t.equal(via.ended(), 2)
})

t.test('responses to HEAD and 304 responses keep their length and have no body', async (t) => {
  const { origin } = await httpServer(t, (req, res) => {
    res.writeHead(req.url === '/304' ? 304 : 200, { 'content-length': 5 })
    res.end(req.method === 'HEAD' ? undefined : 'hello')
  })
  const via = await proxy(t, origin)
  for (const [request, status] of [
    ['HEAD /', 200],
    ['GET /304', 304],
    ['HEAD /304', 304],
  ] as const) {
    const answer = await exchangeRaw(via.port, `${request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), request)
    t.match(answer, /\r\ncontent-length: 5\r\n/i, request)
    t.match(answer, /\r\n\r\n$/, request)
  }
  t.strictSame(via.failures, [])
})

t.test('a 204 with a length reaches the client without it, and the connection goes on', async (t) => {
  const { port } = await tcpServer(t, (socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-A: b\r\n\r\n'))
  })
  const via = await proxy(t, `http://127.0.0.1:${port}`)
  const get = 'GET / HTTP/1.1\r\nHost: x\r\n'
  const answers = await exchangeRaw(via.port, `${get}\r\n${get}Connection: close\r\n\r\n`)
  t.equal(answers.match(/^HTTP\/1\.1 204 /gm)?.length, 2)
  t.equal(answers.match(/^X-A: b\r$/gm)?.length, 2)
  t.notMatch(answers, /content-length/i)
  t.strictSame(via.failures, [])
})

t.test('a client that leaves aborts the request of the upstream', async (t) => {
  let upstreamClosed: () => void = () => undefined
  const closed = new Promise<void>((resolve) => {
    upstreamClosed = resolve
  })
  const { origin } = await httpServer(t, (_, res) => {
    res.on('close', upstreamClosed)
    res.write('first')
  })
  const via = await proxy(t, origin)
  const req = request(via.origin)
  req.end()
  const [answer] = (await once(req, 'response')) as [IncomingMessage]
  await once(answer, 'data')
  answer.on('error', () => undefined)
  req.destroy()
  await closed
  t.equal(await via.failure(), 'client-left')
})

t.test('an upstream that fails in the middle of a body resets the client: no clean end', async (t) => {
  const { port } = await tcpServer(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
      setImmediate(() => socket.destroy())
    })
  })
  const via = await proxy(t, `http://127.0.0.1:${port}`)
  await t.rejects(fetch(via.origin).then((answer) => answer.text()))
  t.equal(await via.failure(), 'unreachable')
})

t.test('an unreachable upstream and a silent one are different failures', async (t) => {
  const { port } = await tcpServer(t, () => undefined)
  const silentUpstream = await proxy(t, `http://127.0.0.1:${port}`)
  t.equal((await fetch(silentUpstream.origin)).status, 599)
  t.equal(await silentUpstream.failure(), 'timeout')
  const absent = await proxy(t, 'http://127.0.0.1:1')
  t.equal((await fetch(absent.origin)).status, 599)
  t.equal(await absent.failure(), 'unreachable')
})

t.test('a request that may not start never reaches the upstream', async (t) => {
  let reached = 0
  const { origin } = await httpServer(t, (_, res) => {
    reached++
    res.end()
  })
  const via = await proxy(t, origin, { mayStart: () => false })
  t.equal((await fetch(via.origin)).status, 599)
  t.equal(await via.failure(), 'refused')
  t.equal(reached, 0)
})

t.test('a request whose body comes late is judged when it comes: nothing is sent before', async (t) => {
  for (const framing of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
    let bytes = 0
    let connected = () => {}
    const isConnected = new Promise<void>((resolve) => {
      connected = resolve
    })
    const { port } = await tcpServer(t, (socket) => {
      connected()
      socket.on('data', (chunk) => {
        bytes += chunk.length
      })
    })
    let starts = 0
    const via = await proxy(t, `http://127.0.0.1:${port}`, { mayStart: () => ++starts === 1 })
    const client = connect(via.port, '127.0.0.1')
    client.write(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`)
    await isConnected
    while (starts === 0) await new Promise(setImmediate)
    client.write(framing.startsWith('C') ? 'hello' : '0\r\n\r\n')
    t.match(String((await once(client, 'data'))[0]), /^HTTP\/1\.1 599 /, framing)
    t.equal(await via.failure(), 'refused')
    t.same([starts, bytes], [2, 0])
    client.destroy()
  }
})

t.test('an idempotent request is sent again if the upstream closed its idle connection', async (t) => {
  let connections = 0
  let starts = 0
  const { port } = await tcpServer(t, (socket) => {
    connections++
    let requests = 0
    socket.on('data', () => {
      if (++requests > 1) socket.destroy()
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const via = await proxy(t, `http://127.0.0.1:${port}`, { mayStart: () => ++starts > 0 })
  for (let i = 0; i < 3; i++) t.equal((await fetch(via.origin)).status, 200)
  t.ok(connections >= 2)
  t.ok(starts > 3, 'the check ran again before each new try')
})

t.test('a body over the limit ends the request with its own failure', async (t) => {
  const { origin } = await httpServer(t, (req, res) => {
    req.on('end', () => res.end('never'))
    req.resume()
  })
  const via = await proxy(t, origin, { maxBodyBytes: 1_000 })
  const stream = new Blob([Buffer.alloc(100_000)]).stream()
  const answer = await fetch(via.origin, { method: 'POST', body: stream, duplex: 'half' } as RequestInit).catch(
    () => undefined,
  )
  t.not(answer?.status, 200)
  t.equal(await via.failure(), 'body-too-large')
  const within = await fetch(via.origin, { method: 'POST', body: 'small' })
  t.equal(await within.text(), 'never')
})

t.test('an abort resets a client that has part of the response', async (t) => {
  const { origin } = await httpServer(t, (_, res: ServerResponse) => void res.write('first'))
  const via = await proxy(t, origin)
  const req = request(via.origin)
  req.end()
  const [answer] = (await once(req, 'response')) as [IncomingMessage]
  const ended = t.rejects(buffer(answer), { code: 'ECONNRESET' })
  via.transfers[0]?.abort(new Error('revoked'))
  await ended
  t.equal(await via.failure(), 'refused')
})

t.test('a slow client slows the upstream down: what is buffered is bounded', async (t) => {
  let sent = 0
  let ended = false
  const { origin } = await httpServer(t, (req, res) => {
    if (req.url === '/other') return void res.end()
    const chunk = Buffer.alloc(65_536)
    const push = () => {
      while (!ended && sent < 400_000_000) {
        sent += chunk.length
        if (!res.write(chunk)) {
          res.once('drain', push)
          return
        }
      }
    }
    res.on('close', () => {
      ended = true
    })
    push()
  })
  const via = await proxy(t, origin)
  const req = request(via.origin)
  req.end()
  const [answer] = (await once(req, 'response')) as [IncomingMessage]
  answer.pause()
  // Stalled: it sends nothing more while many other requests come and go.
  let last = -1
  while (sent !== last) {
    last = sent
    for (let i = 0; i < 50; i++) await (await fetch(`${via.origin}/other`)).text()
  }
  t.ok(sent < 100_000_000, `${sent} bytes were buffered`)
  answer.on('error', () => undefined)
  req.destroy()
})

t.test('a client that reads nothing of its response loses it, whatever it keeps sending', async (t) => {
  const aborted = new EventEmitter()
  const { origin } = await httpServer(t, (_, res) => {
    res.on('close', () => aborted.emit('aborted'))
    const push = () => {
      while (res.write(Buffer.alloc(65_536)));
    }
    res.on('drain', push)
    push()
  })
  const via = await proxy(t, origin, { clientTimeout: 100 })
  const ended = once(aborted, 'aborted')
  const socket = connect(via.port, '127.0.0.1').on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const drip = setInterval(() => socket.write('\r\n'), 20)
  t.teardown(() => {
    clearInterval(drip)
    socket.destroy()
  })
  t.equal(await via.failure(), 'client-left')
  await ended
})

t.test('a response that waits for an earlier one of its connection is not cut off', async (t) => {
  const { origin } = await httpServer(t, (req, res) => {
    if (req.url === '/large') return void res.end(Buffer.alloc(1_000_000, 'x'))
    let left = 20
    const timer = setInterval(() => {
      res.write('.')
      if (--left === 0) res.end('over')
    }, 20)
    res.on('close', () => clearInterval(timer))
  })
  const via = await proxy(t, origin, { clientTimeout: 100 })
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
  const answers = await exchangeRaw(via.port, get('/long') + get('/large', 'Connection: close\r\n'))
  t.match(answers, 'over')
  t.match(answers, 'x'.repeat(1_000))
  t.strictSame(via.failures, [])
})

t.test('a response that waits for an earlier one is given up once the client has left', async (t) => {
  const begun = new EventEmitter()
  const { origin } = await httpServer(t, (req, res) => {
    if (req.url !== '/large') return
    res.write(Buffer.alloc(1_000_000, 'x'))
    begun.emit('large')
  })
  const via = await proxy(t, origin, { clientTimeout: 100 })
  const isBegun = once(begun, 'large')
  const socket = connect(via.port, '127.0.0.1').resume()
  socket.write('GET /silent HTTP/1.1\r\nHost: a\r\n\r\nGET /large HTTP/1.1\r\nHost: a\r\n\r\n')
  await isBegun
  socket.destroy()
  while (via.ended() < 2) await setTimeout(10)
  t.strictSame(via.failures, ['client-left', 'client-left'])
})

t.test('if an upstream cannot be reached the next one gets the request, for any method, with its body', async (t) => {
  const { origin } = await httpServer(t, (req, res) => void req.pipe(res))
  let starts = 0
  const via = await proxy(t, ['http://127.0.0.1:1', origin], { mayStart: () => ++starts > 0 })
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const answer = await fetch(via.origin, { method, body: 'hello' })
    t.equal(await answer.text(), 'hello', method)
  }
  t.equal((await fetch(via.origin)).status, 200, 'GET')
  t.equal(starts, 9, 'with a body once more when it comes; not for the upstream that was never connected to')
})

t.test('if an upstream was reached and failed the next one gets idempotent requests only', async (t) => {
  const { port } = await tcpServer(t, (socket) => void socket.once('data', () => socket.destroy()))
  const { origin } = await httpServer(t, (_, res) => void res.end('second'))
  const via = await proxy(t, [`http://127.0.0.1:${port}`, origin])
  t.equal(await (await fetch(via.origin)).text(), 'second')
  t.equal((await fetch(via.origin, { method: 'POST' })).status, 599)
})

t.test('a response that begins during an upload announces that the connection closes', async (t) => {
  const { origin } = await httpServer(t, (_, res) => void res.end('early'))
  const via = await proxy(t, origin)
  for (const framing of ['Content-Length: 1000\r\n\r\npart', 'Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n']) {
    const answer = await exchangeRaw(via.port, `POST / HTTP/1.1\r\nHost: x\r\n${framing}`)
    t.match(answer, /^HTTP\/1\.1 200 [\s\S]*early/)
    t.match(answer, /\r\nconnection: close\r\n/i)
    t.notMatch(answer, /keep-alive/i)
  }
  t.strictSame(via.failures, [])
})

t.test('a response that begins when the upload is complete keeps the connection', async (t) => {
  const { origin } = await httpServer(t, (req, res) => void req.resume().on('end', () => res.end('whole')))
  const via = await proxy(t, origin)
  const post = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n'
  const answers = await exchangeRaw(via.port, `${post}\r\npart${post}Connection: close\r\n\r\npart`)
  t.equal(answers.split('whole').length, 3)
})

t.test('an upload that is aborted is answered, though it keeps arriving', async (t) => {
  const reads = (req: IncomingMessage) => void req.on('error', () => undefined).resume()
  const upstreams: Readonly<Record<string, RequestListener>> = {
    'its upstream reads it': reads,
    'its upstream does not read': (req) => void req.on('error', () => undefined),
    'its upstream has sent the headers of its response': (req, res) => {
      reads(req)
      res.writeHead(200).flushHeaders()
    },
  }
  for (const [name, listener] of Object.entries(upstreams)) {
    for (const framing of ['Content-Length: 100000000\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\nffffffff\r\n']) {
      const { origin } = await httpServer(t, listener)
      const via = await proxy(t, origin)
      const socket = connect(via.port, '127.0.0.1').setEncoding('latin1')
      t.teardown(() => socket.destroy())
      let answer = ''
      let error: NodeJS.ErrnoException | undefined
      socket.on('data', (text: string) => {
        answer += text
      })
      socket.on('error', (failure) => {
        error = failure
      })
      const ended = new Promise((resolve) => socket.on('close', resolve))
      let written = 0
      const upload = () => {
        while (socket.writable && socket.write(Buffer.alloc(65_536))) written += 65_536
        if (written > 4_000_000) via.transfers[0]?.abort(new Error('revoked'))
      }
      socket.on('drain', upload)
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${framing}`)
      upload()
      await ended
      t.match(answer, /^HTTP\/1\.1 599 [\s\S]*refused/, `${name}: ${framing.slice(0, 17)}`)
      t.equal(error?.code, undefined)
      t.strictSame(via.failures, ['refused'])
    }
  }
})

t.test(
  'a response that waits for its client goes on, though one behind it on the connection is written meanwhile',
  async (t) => {
    const big = 20_000_000
    const parts = 200
    const written = new EventEmitter()
    const { origin } = await httpServer(t, (req, res) => {
      if (req.url === '/first') return void res.end(Buffer.alloc(big, 'x'))
      let left = parts
      const write = () => {
        res.write('y') // with no length: it is not held until the end
        if (--left > 0) return void setImmediate(write)
        res.end()
        written.emit('all')
      }
      write()
    })
    const via = await proxy(t, origin)
    const client = connect(via.port, '127.0.0.1').pause()
    t.teardown(() => client.destroy())
    client.write('GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await once(written, 'all')
    const answers = await Promise.race([text(client), via.failure()])
    t.strictSame(via.failures, [])
    t.equal(answers.split('x').length - 1, big)
    t.equal(answers.split('y').length - 1, parts)
  },
)
