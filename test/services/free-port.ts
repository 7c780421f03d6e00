import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the range that systems take the ports of outgoing connections from (Linux: 32768, others: 49152). */
const LOWEST = 20_000
const HIGHEST = 32_000

/**
 * Ports of the loopback interface, all different, that nobody listened on a moment ago, and that stay free while a
 * server restarts: no outgoing connection is given one of them.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

/** One of {@link freePorts}. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Nobody listens on it, on loopback. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
