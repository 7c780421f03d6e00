import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Owner } from './service-process.js'

/** The network between one gateway and one of its sources. */
export interface Link {
  readonly port: number
  /** Every connection is closed at once, and so is every new one. */
  cut(): void
  /** Connections stay and new ones are accepted, but nothing comes through. */
  blackhole(): void
  /** As before; what a black hole held back comes through now. */
  mend(): void
}

/** Told of what comes over a link. */
export interface LinkWatch {
  /** A client's connection was accepted. */
  connected(): void
  /** Bytes of the server have come through. */
  answered(): void
}

/** Opens a TCP proxy on a free loopback port. */
export async function openLink(t: Owner, target: number, watch?: LinkWatch): Promise<Link> {
  const pairs = new Set<Pair>()
  let state: 'whole' | 'cut' | 'silent' = 'whole'
  const server: Server = createServer((client) => {
    client.on('error', () => undefined)
    if (state === 'cut') {
      client.destroy()
      return
    }
    const upstream = connect(target, '127.0.0.1')
    const pair = new Pair(client, upstream, () => pairs.delete(pair))
    if (watch !== undefined) {
      watch.connected()
      upstream.on('data', () => watch.answered())
    }
    pairs.add(pair)
    if (state === 'silent') pair.silence()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cutAll = () => {
    for (const pair of pairs) pair.destroy()
  }
  t.teardown(() => {
    cutAll()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      state = 'cut'
      cutAll()
    },
    blackhole() {
      state = 'silent'
      for (const pair of pairs) pair.silence()
    },
    mend() {
      state = 'whole'
      for (const pair of pairs) pair.speak()
    },
  }
}

class Pair {
  readonly #sides: readonly (readonly [Socket, Socket])[]

  constructor(client: Socket, server: Socket, closed: () => void) {
    this.#sides = [
      [client, server],
      [server, client],
    ]
    for (const [from, to] of this.#sides) {
      from.on('error', () => to.destroy())
      from.on('close', () => {
        to.destroy()
        closed()
      })
    }
    this.speak()
  }

  speak(): void {
    for (const [from, to] of this.#sides) from.pipe(to)
  }

  silence(): void {
    for (const [from] of this.#sides) {
      from.unpipe()
      from.pause()
    }
  }

  /** Not by a reset: Node 20 may not come to its end after `resetAndDestroy`. */
  destroy(): void {
    for (const [from] of this.#sides) from.destroy()
  }
}
