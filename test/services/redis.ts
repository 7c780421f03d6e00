import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { type Owner, ServiceProcess } from './service-process.js'

/** A real Redis of one's own, on a free loopback port and in a temporary directory. */
export interface RedisServer {
  readonly url: string
  kill(): Promise<void>
  /** Starts it again on its port, with what it had. */
  restart(): Promise<void>
}

/** Says why a test must be skipped because Redis is not installed; with MGW_REQUIRE_SERVICES=1 that is a failure. */
export function redisMissing(): string | false {
  if (spawnSync('redis-server', ['--version']).error === undefined) return false
  if (process.env.MGW_REQUIRE_SERVICES === '1') throw new Error('redis-server must be installed')
  return 'redis-server is not installed'
}

export async function startRedis(owner: Owner): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-redis-'))
  const port = await freePort()
  const files = ['--dir', directory, '--appendonly', 'yes', '--save', '', '--appendfsync', 'always']
  const args = ['--port', String(port), '--bind', '127.0.0.1', ...files]
  const server = new ServiceProcess('redis-server', args, 'Ready to accept connections')
  owner.teardown(async () => {
    await server.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  await server.start()
  return {
    url: `redis://127.0.0.1:${port}`,
    kill: () => server.kill(),
    async restart() {
      await server.kill()
      await server.start()
    },
  }
}
