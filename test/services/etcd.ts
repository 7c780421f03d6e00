import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from './free-port.js'
import { type Owner, ServiceProcess } from './service-process.js'

export interface EtcdOptions {
  /** PEM: serves TLS with it, and asks clients for a certificate of `clientCa` if there is one. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string }
  readonly args?: readonly string[]
}

/** A real etcd 3.4 of one's own, on free loopback ports and in a temporary directory, with its v2 API on. */
export interface EtcdServer {
  /** `http://127.0.0.1:<port>`, or `https`. */
  readonly url: string
  /** Runs etcdctl of that API version; resolves to what it prints. */
  ctl(api: 2 | 3, ...args: string[]): Promise<string>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** Starts it again on its ports, with its data unless `lost`. */
  restart(lost?: 'lost'): Promise<void>
  /** Saves a snapshot of what it holds; resolves to the file. */
  snapshot(): Promise<string>
  /** Starts it again on its ports, with what a snapshot holds: as the same cluster, as operators do after a loss. */
  restore(snapshot: string): Promise<void>
  /** SIGSTOP. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** Turns the v3 API's authentication on, with `root` and another user, both with the password `pw`, who may use `prefixes`. */
  enableAuth(user: string, ...prefixes: string[]): Promise<void>
  /** The same for the v2 API, which has users of its own. */
  enableAuthV2(user: string, ...prefixes: string[]): Promise<void>
}

/** Says why a test must be skipped because etcd is not installed; with MGW_REQUIRE_SERVICES=1 that is a failure. */
export function etcdMissing(): string | false {
  if (['etcd', 'etcdctl'].every((name) => spawnSync(name, ['--version']).error === undefined)) return false
  if (process.env.MGW_REQUIRE_SERVICES === '1') throw new Error('etcd and etcdctl must be installed')
  return 'etcd is not installed'
}

/** Starts an etcd and resolves once it serves clients. */
export async function startEtcd(owner: Owner, options: EtcdOptions = {}): Promise<EtcdServer> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-etcd-'))
  const [port, peerPort] = await freePorts(2)
  const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  const ca = join(directory, 'server.crt')
  const args = [
    ...['--name', 'test', '--data-dir', join(directory, 'data'), '--enable-v2', '--log-level', 'info'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', `http://127.0.0.1:${peerPort}`],
    ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peerPort}`],
    ...['--initial-cluster', `test=http://127.0.0.1:${peerPort}`],
    ...tlsArguments(directory, ca, options),
    ...(options.args ?? []),
  ]
  const server = new ServiceProcess('etcd', args, 'ready to serve client requests')
  owner.teardown(async () => {
    await server.kill()
    rmSync(directory, { recursive: true, force: true })
  })
  await server.start()
  let snapshots = 0
  const ctl = async (api: 2 | 3, ...command: string[]) => {
    const tls = options.tls === undefined ? [] : [api === 2 ? `--ca-file=${ca}` : `--cacert=${ca}`]
    const { stdout } = await promisify(execFile)('etcdctl', [`--endpoints=${url}`, ...tls, ...command], {
      env: { ...process.env, ETCDCTL_API: String(api) },
    })
    return stdout
  }
  return {
    url,
    ctl,
    kill: () => server.kill(),
    async restart(lost) {
      await server.kill()
      if (lost !== undefined) rmSync(join(directory, 'data'), { recursive: true })
      await server.start()
    },
    async snapshot() {
      const file = join(directory, `snapshot-${snapshots++}`)
      await ctl(3, 'snapshot', 'save', file)
      return file
    },
    async restore(file) {
      await server.kill()
      rmSync(join(directory, 'data'), { recursive: true })
      const peer = `http://127.0.0.1:${peerPort}`
      const place = ['--name', 'test', '--data-dir', join(directory, 'data')]
      const cluster = ['--initial-cluster', `test=${peer}`, '--initial-advertise-peer-urls', peer]
      await ctl(3, 'snapshot', 'restore', file, ...place, ...cluster)
      await server.start()
    },
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    async enableAuth(user, ...prefixes) {
      await ctl(3, 'user', 'add', 'root:pw')
      await ctl(3, 'user', 'grant-role', 'root', 'root')
      await ctl(3, 'user', 'add', `${user}:pw`)
      await ctl(3, 'role', 'add', 'revocations')
      for (const prefix of prefixes) {
        await ctl(3, 'role', 'grant-permission', 'revocations', '--prefix=true', 'readwrite', prefix)
      }
      await ctl(3, 'user', 'grant-role', user, 'revocations')
      await ctl(3, 'auth', 'enable')
    },
    async enableAuthV2(user, ...prefixes) {
      await ctl(2, 'user', 'add', 'root:pw')
      await ctl(2, 'user', 'add', `${user}:pw`)
      await ctl(2, 'role', 'add', 'revocations')
      for (const prefix of prefixes) await ctl(2, 'role', 'grant', 'revocations', '--readwrite', '--path', prefix)
      await ctl(2, 'user', 'grant', user, '--roles', 'revocations')
      await ctl(2, 'auth', 'enable')
      await ctl(2, '--username', 'root:pw', 'role', 'remove', 'guest')
    },
  }
}

function tlsArguments(directory: string, ca: string, { tls }: EtcdOptions): string[] {
  if (tls === undefined) return []
  const file = (name: string, text: string) => {
    const path = join(directory, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  writeFileSync(ca, tls.cert)
  const key = file('server.key', tls.key)
  const client =
    tls.clientCa === undefined ? [] : ['--client-cert-auth', '--trusted-ca-file', file('ca.crt', tls.clientCa)]
  return ['--cert-file', ca, '--key-file', key, ...client]
}
