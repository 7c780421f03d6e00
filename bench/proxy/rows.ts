import type { Demands } from './contenders.js'
import type { World } from './world.js'

/** A comparison: what is demanded of the gateways, and what they are asked for. */
export interface Row extends Demands {
  /** By which `--only` names it. */
  readonly name: string
  readonly title: string
  /** Gateways that take part, if they can; absent: all. `open` ones stand beside those that authenticate. */
  readonly of?: readonly string[]
  readonly method: string
  readonly path: string
  readonly tokens: (world: World) => string
  readonly header: string
  /** Bytes of the request's body. */
  readonly body: number
  /** `half`: as many requests a second as half of what HAProxy manages. */
  readonly load: 'wrk' | 'h2load' | 'half'
}

const BASE: Row = {
  name: 'base',
  title: '300 bytes, tokens seen before',
  authenticate: true,
  tls: false,
  workers: 1,
  cold: false,
  revocationsPerSecond: 0,
  method: 'GET',
  path: '/things/small',
  tokens: (world) => world.tokens,
  header: 'Authorization',
  body: 0,
  load: 'wrk',
}
const OPEN = { authenticate: false, path: '/things/open', header: 'Proxy-Authorization' } as const
const PEERS = ['HAProxy', 'prototype', 'mgw']

export const ROWS: readonly Row[] = [
  {
    ...BASE,
    ...OPEN,
    name: 'open',
    title: '300 bytes, no authentication (the token is in `Proxy-Authorization`, which is dropped)',
  },
  BASE,
  {
    ...BASE,
    name: 'cold',
    title: '300 bytes, each token for the first time',
    cold: true,
    tokens: (world) => world.coldTokens,
    of: [...PEERS, 'fastify + fast-jwt', 'http-proxy + jose'],
  },
  { ...BASE, name: 'large', title: '100 KB answers', path: '/things/large', of: PEERS },
  { ...BASE, name: 'post', title: 'POST of 10 KB', method: 'POST', path: '/things/post', body: 10_240, of: PEERS },
  { ...BASE, name: 'tls', title: 'TLS 1.3 to the client', tls: true, of: PEERS },
  { ...BASE, name: 'h2', title: 'HTTP/2: 8 connections of 8 streams, one token', tls: true, load: 'h2load', of: PEERS },
  {
    ...BASE,
    name: 'workers',
    title: 'two workers, on both cores, which upstream and client use, too',
    workers: 2,
    of: PEERS,
  },
  { ...BASE, name: 'revoking', title: '1,000 revocations a second arrive', revocationsPerSecond: 1_000, of: PEERS },
  {
    ...BASE,
    name: 'access-log',
    title: 'an access log, JSON, to a file',
    sections: '[accessLog]\n  enable = true\n  format = "json"\n  file = "access.log"',
    of: ['mgw'],
  },
  { ...BASE, name: 'paced', title: 'paced at half of HAProxy’s rate', load: 'half', of: PEERS },
]
