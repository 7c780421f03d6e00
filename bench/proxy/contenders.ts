import { fileURLToPath } from 'node:url'
import type { GatewaySettings } from './gateways/settings.js'
import { startHaproxy, startMgw, startNginx } from './native.js'
import { installPeers, type NodeVersion } from './nodes.js'
import { BOTH_CORES, GATEWAY_CORE, isInstalled, type Running, startReady } from './processes.js'
import { COLD_CACHE, ISSUER, type World } from './world.js'

/** What a row asks of the gateways in it. */
export interface Demands {
  /** Whether tokens are asked for, verified and looked up. */
  readonly authenticate: boolean
  readonly tls: boolean
  readonly workers: 1 | 2
  /** Whether the cache of verified tokens is smaller than the number of tokens in use. */
  readonly cold: boolean
  readonly revocationsPerSecond: number
  /** Further sections of mgw's configuration. */
  readonly sections?: string
}

/** A gateway that runs. */
export interface Contender extends Running {
  /** Where its APIs are. */
  readonly origin: string
  /** Where it speaks HTTP/2, by ALPN. */
  readonly speaksH2: boolean
}

export interface Kind {
  readonly name: 'nginx' | 'HAProxy' | 'prototype' | 'mgw' | 'http-proxy' | 'http-proxy + jose' | 'fastify + fast-jwt'
  readonly node: NodeVersion | undefined
  /** Whether it can do what a row demands. */
  can(demands: Demands): boolean
  start(world: World, demands: Demands): Promise<Contender>
}

const CACHE = 10_000

/** All gateways that this machine can run; prints which are missing. */
export function kinds(nodes: readonly NodeVersion[]): Kind[] {
  const found: Kind[] = []
  if (isInstalled('nginx')) {
    const can = (demands: Demands) => !demands.authenticate && demands.workers === 1
    found.push({ name: 'nginx', node: undefined, can, start: startNginx })
  } else console.error('left out: nginx is not installed')
  if (isInstalled('haproxy')) {
    const can = (demands: Demands) => demands.workers === 1 && demands.revocationsPerSecond === 0
    found.push({ name: 'HAProxy', node: undefined, can, start: startHaproxy })
  } else console.error('left out: haproxy is not installed')
  const packages = installPeers(['fastify', '@fastify/http-proxy'])
  for (const node of nodes) {
    const script = (name: Kind['name'], file: string, can: Kind['can']) =>
      found.push({
        name,
        node,
        can,
        start: (world, demands) => startScript(node, file, world, demands, packages ?? ''),
      })
    const plain = (demands: Demands) => !demands.tls && demands.workers === 1
    script('prototype', 'prototype.js', plain)
    found.push({ name: 'mgw', node, can: () => true, start: (world, demands) => startMgw(node, world, demands) })
    script('http-proxy', 'http-proxy.js', (demands) => plain(demands) && !demands.authenticate)
    script('http-proxy + jose', 'http-proxy.js', (demands) => plain(demands) && demands.authenticate)
    if (packages !== undefined) script('fastify + fast-jwt', 'fastify.js', plain)
  }
  return found
}

async function startScript(
  { executable }: NodeVersion,
  file: string,
  world: World,
  { authenticate, cold, revocationsPerSecond, workers }: Demands,
  packages: string,
): Promise<Contender> {
  const settings: GatewaySettings = {
    upstream: world.upstream,
    issuer: ISSUER,
    publicKey: world.publicKey,
    revoked: world.revoked,
    authenticate,
    cacheCapacity: cold ? COLD_CACHE : CACHE,
    revocationsPerSecond,
    packages,
  }
  const path = fileURLToPath(new URL(`gateways/${file}`, import.meta.url))
  const cores = workers === 1 ? GATEWAY_CORE : BOTH_CORES
  const { match, ...running } = await startReady(
    cores,
    [executable, path, JSON.stringify(settings)],
    /^listening (\d+)/m,
  )
  return { ...running, origin: `http://127.0.0.1:${match[1]}`, speaksH2: false }
}
