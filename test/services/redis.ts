import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort, type Owner } from './etcd.js'

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
  let child: ChildProcess | undefined
  const start = async () => {
    const args = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      directory,
      '--appendonly',
      'yes',
      '--save',
      '',
    ]
    child = spawn('redis-server', [...args, '--appendfsync', 'always'], { stdio: ['ignore', 'pipe', 'ignore'] })
    await ready(child)
  }
  const kill = async () => {
    const dying = child
    child = undefined
    if (dying === undefined || dying.exitCode !== null) return
    const gone = new Promise((resolve) => dying.once('exit', resolve))
    dying.kill('SIGKILL')
    await gone
  }
  owner.teardown(async () => {
    await kill()
    rmSync(directory, { recursive: true, force: true })
  })
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    async restart() {
      await kill()
      await start()
    },
  }
}

async function ready(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
    if (child.stdout === null) throw new Error('redis-server has no log')
    createInterface(child.stdout).on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve()
    })
  })
}
