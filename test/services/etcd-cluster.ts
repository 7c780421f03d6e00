import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from './free-port.js'
import { type Owner, ServiceProcess } from './service-process.js'

/** A real etcd of three members, the first of which can lose the others while its clients reach it as ever. */
export interface EtcdCluster {
  /** `http://127.0.0.1:<port>` of each member. */
  readonly urls: readonly string[]
  /** Runs etcdctl of that API version against one member; resolves to what it prints. */
  ctl(member: number, api: 2 | 3, ...args: string[]): Promise<string>
  /** The first member loses the others; they go on without it. */
  cut(): void
  /** As before. */
  mend(): void
}

const MEMBERS = [0, 1, 2]

/** Starts three members, and resolves once they serve clients. */
export async function startEtcdCluster(owner: Owner): Promise<EtcdCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'mgw-etcds-'))
  const ports = await freePorts(3 * MEMBERS.length)
  const url = (index: number) => `http://127.0.0.1:${ports[index]}`
  const isolation = new Isolation()
  const name = (member: number) => `m${member}`
  const cluster = MEMBERS.map((member) => `${name(member)}=${url(member + 6)}`).join(',')
  const servers = MEMBERS.map(
    (member) =>
      new ServiceProcess(
        'etcd',
        [
          ...[
            '--name',
            name(member),
            '--data-dir',
            join(directory, name(member)),
            '--enable-v2',
            '--log-level',
            'info',
          ],
          ...['--listen-client-urls', url(member), '--advertise-client-urls', url(member)],
          ...['--listen-peer-urls', url(member + 3), '--initial-advertise-peer-urls', url(member + 6)],
          ...['--initial-cluster', cluster],
        ],
        'ready to serve client requests',
      ),
  )
  owner.teardown(async () => {
    await Promise.all(servers.map((server) => server.kill()))
    rmSync(directory, { recursive: true, force: true })
  })
  await Promise.all(
    MEMBERS.map((member) => isolation.link(owner, member === 0, ports[member + 6] ?? 0, ports[member + 3] ?? 0)),
  )
  await Promise.all(servers.map((server) => server.start()))
  const ctl = async (member: number, api: 2 | 3, ...command: string[]) => {
    const env = { ...process.env, ETCDCTL_API: String(api) }
    return (await promisify(execFile)('etcdctl', [`--endpoints=${url(member)}`, ...command], { env })).stdout
  }
  const listed = await ctl(0, 3, 'member', 'list')
  isolation.member = new RegExp(`^([0-9a-f]+), \\w+, ${name(0)},`, 'm').exec(listed)?.[1] ?? ''
  return { urls: MEMBERS.map(url), ctl, cut: () => isolation.set(true), mend: () => isolation.set(false) }
}

/** The network between the members: peers reach each other through it, and say in each request who they are. */
class Isolation {
  /** Its id. */
  member = ''
  #isOn = false
  readonly #checks = new Set<() => void>()

  set(isOn: boolean): void {
    this.#isOn = isOn
    for (const check of this.#checks) check()
  }

  /** Passes on what comes for a member; `isMember`: for the one that can be isolated. */
  async link(owner: Owner, isMember: boolean, port: number, target: number): Promise<void> {
    const server = createServer((peer) => this.#pass(peer, connect(target, '127.0.0.1'), isMember))
    owner.teardown(() => {
      this.set(true)
      server.close()
    })
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  }

  #pass(peer: Socket, member: Socket, isMember: boolean): void {
    let from: string | undefined
    const close = () => {
      peer.destroy()
      member.destroy()
      this.#checks.delete(check)
    }
    const check = () => {
      if (this.#isOn && (isMember || from === undefined || from === this.member)) close()
    }
    this.#checks.add(check)
    peer.on('data', (chunk) => {
      from ??= /x-server-from: ([0-9a-f]+)/i.exec(chunk.toString('latin1'))?.[1]
      check()
      member.write(chunk)
    })
    member.on('data', (chunk) => peer.write(chunk))
    for (const socket of [peer, member]) socket.on('error', close).on('close', close)
  }
}
