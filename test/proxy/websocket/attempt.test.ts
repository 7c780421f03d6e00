import { once } from 'node:events'
import { connect, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { ensureSelfSigned } from '../../../src/certificates/index.js'
import type { WebSocketTransfer } from '../../../src/proxy/index.js'
import { exchangeRaw, tcpServer } from '../../support/servers.js'
import { handshake, SWITCHED, type UpgradeProxy, upgradeProxy } from '../../support/web-sockets.js'

/** An upstream that answers every handshake with these bytes; what it was sent can be read. */
async function upstreamThat(t: Test, answer: (socket: Socket) => void) {
  const requests: string[] = []
  const sockets: Socket[] = []
  const { port } = await tcpServer(t, (socket) => {
    sockets.push(socket)
    socket.once('data', (chunk) => {
      requests.push(chunk.toString('latin1'))
      answer(socket)
    })
  })
  return { origin: `http://127.0.0.1:${port}`, requests, sockets }
}

t.test(
  'the check comes when the connection stands, in the turn in which the first byte is written, and once',
  async (t) => {
    const order: string[] = []
    const { port } = await tcpServer(t, (socket) => {
      socket.once('data', () => {
        order.push('first bytes')
        socket.end(SWITCHED)
      })
    })
    const write = Socket.prototype.write
    t.teardown(() => {
      Socket.prototype.write = write
    })
    Socket.prototype.write = function (this: Socket, ...args: unknown[]) {
      if (this.remotePort === port) order.push('written')
      return Reflect.apply(write, this, args)
    } as typeof write
    const mayStart = () => {
      setImmediate(() => order.push('another turn'))
      order.push('asked')
      return true
    }
    const via = await upgradeProxy(t, `http://127.0.0.1:${port}`, { mayStart })
    t.match(await exchangeRaw(via.port, handshake()), /^HTTP\/1\.1 101 /)
    t.equal(order.filter((what) => what === 'asked').length, 1)
    t.strictSame(order.slice(0, 2), ['asked', 'written'])
    t.strictSame(via.failures, [])
  },
)

t.test('an answer that comes when the check refuses is dropped, whatever it is, and the caller answers', async (t) => {
  for (const answer of [SWITCHED, 'HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno']) {
    let goesOn = true
    const upstream = await upstreamThat(t, (socket) => {
      goesOn = false
      socket.write(answer)
    })
    const via = await upgradeProxy(t, upstream.origin, { mayGoOn: () => goesOn })
    t.match(await exchangeRaw(via.port, handshake()), /^HTTP\/1\.1 599 .*refused$/s)
    t.strictSame(via.failures, [{ failure: 'refused', answered: false }])
    t.equal(via.ended(), 1)
  }
})

t.test('however it ends, one failure at most is told, and one end', async (t) => {
  const ends: Record<string, (attempt: WebSocketTransfer | undefined, upstream: Socket | undefined) => void> = {
    'aborted twice': (attempt) => {
      attempt?.abort(new Error('revoked'))
      attempt?.abort(new Error('revoked again'))
    },
    'aborted, and the upstream breaks off': (attempt, upstream) => {
      attempt?.abort(new Error('revoked'))
      upstream?.resetAndDestroy()
    },
    'the gateway stops, then it is aborted': (attempt) => {
      attempt?.goAway()
      attempt?.abort(new Error('revoked'))
    },
  }
  for (const [name, end] of Object.entries(ends)) {
    for (const open of [false, true]) {
      let via: UpgradeProxy | undefined
      const upstream = await upstreamThat(t, (socket) => {
        if (open) socket.write(SWITCHED)
        else end(via?.transfers[0], socket)
      })
      via = await upgradeProxy(t, upstream.origin)
      const client = connect(via.port, '127.0.0.1').on('error', () => undefined)
      client.write(handshake())
      if (open) {
        await once(client, 'data')
        end(via.transfers[0], upstream.sockets[0])
      }
      client.resume()
      await once(client, 'close')
      if (via.ended() === 0) await once(via.events, 'ended')
      t.equal(via.ended(), 1, name)
      t.ok(via.failures.length <= 1, name)
    }
  }
})

t.test('a request that may not start sends no byte, though the connection stands', async (t) => {
  for (const mayStart of [
    () => false,
    () => {
      throw new Error('the check failed')
    },
  ]) {
    let bytes = 0
    let closed: () => void
    const connected = new Promise<void>((resolve) => {
      closed = resolve
    })
    const { port } = await tcpServer(t, (socket) => {
      socket.on('data', (chunk) => {
        bytes += chunk.length
      })
      socket.on('close', () => closed())
    })
    const via = await upgradeProxy(t, `http://127.0.0.1:${port}`, { mayStart })
    t.match(await exchangeRaw(via.port, handshake()), /refused$/)
    await connected
    t.equal(bytes, 0)
  }
})

t.test('an abort while the upstream thinks is answered by the caller', async (t) => {
  let asked: () => void = () => undefined
  const thinking = new Promise<void>((resolve) => {
    asked = resolve
  })
  const upstream = await upstreamThat(t, () => asked())
  const via = await upgradeProxy(t, upstream.origin)
  const answer = exchangeRaw(via.port, handshake())
  await thinking
  via.transfers[0]?.abort(new Error('revoked'))
  t.match(await answer, /refused$/)
  t.strictSame(via.failures, [{ failure: 'refused', answered: false }])
})

t.test(
  'an upstream that is not there, or of an unknown scheme, is unreachable; one that is silent a time-out',
  async (t) => {
    const absent = await upgradeProxy(t, 'http://127.0.0.1:1')
    t.match(await exchangeRaw(absent.port, handshake()), /unreachable$/)
    const wrong = await upgradeProxy(t, 'ftp://127.0.0.1')
    t.match(await exchangeRaw(wrong.port, handshake()), /unreachable$/)
    const upstream = await upstreamThat(t, () => undefined)
    const silent = await upgradeProxy(t, upstream.origin, { answerTimeout: 100 })
    t.match(await exchangeRaw(silent.port, handshake()), /timeout$/)
    const { port } = await tcpServer(t, () => undefined)
    const mute = await upgradeProxy(t, `wss://127.0.0.1:${port}`, { connectTimeout: 100 })
    t.match(await exchangeRaw(mute.port, handshake()), /timeout$/)
  },
)

t.test('a client that leaves before the answer aborts the request of the upstream', async (t) => {
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    let client: Socket | undefined
    let left: () => void = () => undefined
    const closed = new Promise<void>((resolve) => {
      left = resolve
    })
    const upstream = await upstreamThat(t, (socket) => {
      socket.on('close', left)
      client?.[leave]()
    })
    const via = await upgradeProxy(t, upstream.origin)
    client = connect(via.port, '127.0.0.1')
    client.on('error', () => undefined)
    client.write(handshake())
    await closed
    if (via.ended() === 0) await once(via.events, 'ended')
    t.strictSame(via.failures, [{ failure: 'client-left', answered: false }])
  }
})

t.test('an answer that is too large, breaks off, or switches to something else is a failure', async (t) => {
  for (const answer of [
    `HTTP/1.1 403 No\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`,
    'HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nhalf',
    'HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    'HTTP/1.1 101 Yes\r\n\r\n',
    `HTTP/1.1 403 No\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
    'no HTTP\r\n\r\n',
    '',
  ]) {
    const upstream = await upstreamThat(t, (socket) => socket.end(answer))
    const via = await upgradeProxy(t, upstream.origin)
    t.match(await exchangeRaw(via.port, handshake()), /^HTTP\/1\.1 599 .*unreachable$/s)
    t.strictSame(via.failures, [{ failure: 'unreachable', answered: false }], answer.slice(0, 30))
    t.equal(via.ended(), 1)
  }
})

t.test(
  'a client that closes in the middle of what the upstream sends closes the upstream, which never would',
  async (t) => {
    const listener = await ensureSelfSigned(t.testdir())
    for (const tls of [true, false]) {
      let closed = () => {}
      const upstreamClosed = new Promise<void>((resolve) => {
        closed = resolve
      })
      const { port } = await tcpServer(t, (socket) => {
        socket.on('error', () => {}) // it goes on sending
        socket.once('data', () => {
          socket.write(SWITCHED)
          const sending = setInterval(() => socket.write(Buffer.alloc(20_000)), 1)
          socket.once('close', () => {
            clearInterval(sending)
            closed()
          })
        })
      })
      const via = await upgradeProxy(
        t,
        `http://127.0.0.1:${port}`,
        tls ? { listener, idleTimeout: 0 } : { idleTimeout: 0 },
      )
      const client = tls ? connectTls(via.port, '127.0.0.1', { ca: listener.cert }) : connect(via.port, '127.0.0.1')
      client.on('error', () => {})
      client.write(handshake())
      await once(client, 'data')
      client.destroy()
      await Promise.all([upstreamClosed, once(via.events, 'ended')])
      t.ok(via.failures.length <= 1, 'at most one failure is told')
    }
  },
)
