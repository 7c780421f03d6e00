import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import type { Test } from 'tap'
import { freePorts } from './free-port.js'

const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
/**
 * Starts the port mapper of Erlang ($1 is its port), which would else start by itself and outlive us, and the server.
 * The whole group ends with the server, and with us: our end of the pipe that `cat` reads closes however we end.
 */
const SCRIPT = 'epmd -address 127.0.0.1 -port "$1" & { "$0" </dev/null; kill -9 0; } & cat >/dev/null; kill -9 0'
const START_TIMEOUT = 60_000
const VHOST = 'carbon'
/** What RabbitMQ says last when it starts. */
const STARTED = /Server startup complete/

/** What the machine lacks to run RabbitMQ, as a reason to skip; `false` when nothing. With MGW_REQUIRE_SERVICES=1 it throws. */
export function rabbitmqMissing(): string | false {
  if (existsSync(SERVER)) return false
  if (process.env.MGW_REQUIRE_SERVICES === '1') throw new Error('not installed: rabbitmq-server')
  return 'not installed: rabbitmq-server'
}

/**
 * A broker on loopback, virtual host `carbon`, with the AMQP 1.0 plugin. Users: admin/admin; `limited`/limited, who may
 * read no topic but `allowed`; `nobody`/nobody, who may do nothing.
 */
export interface RabbitMQ {
  readonly port: number
  /** With a certificate for localhost that signs itself: `ca`. */
  readonly tlsPort: number
  readonly ca: string
  /** kill -9. Resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again, on the same ports. */
  start(): Promise<void>
  /** SIGSTOP, and its end. */
  freeze(): void
  thaw(): void
}

/** Starts a broker that lives as long as the test, on a free port if none is wanted. It takes 6 to 9 s: one a test file. */
export async function startRabbitMQ(t: Test, wantedPort?: number): Promise<RabbitMQ> {
  const directory = await mkdtemp(join(tmpdir(), 'mgw-rabbitmq-'))
  const [anyPort = 0, tlsPort = 0, distributionPort = 0, mapperPort = 0] = await freePorts(4)
  const port = wantedPort ?? anyPort
  let broker: ChildProcess | undefined
  const kill = async () => {
    await end(broker)
    broker = undefined
  }
  t.teardown(async () => {
    await kill()
    await rm(directory, { recursive: true, force: true })
  })
  const ca = await configure(directory, tlsPort)
  const environment = {
    ...process.env,
    HOME: directory,
    RABBITMQ_NODENAME: `mgw${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
    RABBITMQ_PID_FILE: join(directory, 'pid'),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(mapperPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  }
  const start = async () => {
    const arguments_ = ['-c', SCRIPT, SERVER, String(mapperPort)]
    broker = spawn('/bin/sh', arguments_, { env: environment, stdio: 'pipe', detached: true })
    await started(broker)
  }
  await start()
  return {
    port,
    tlsPort,
    ca,
    kill,
    start,
    freeze: () => signalGroup(broker, 'SIGSTOP'),
    thaw: () => signalGroup(broker, 'SIGCONT'),
  }
}

async function configure(directory: string, tlsPort: number): Promise<string> {
  const keys = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  const path = (name: string) => join(directory, name)
  await mkdir(path('mnesia'))
  await writeFile(path('cert.pem'), keys.cert)
  await writeFile(path('key.pem'), keys.private)
  await writeFile(path('enabled_plugins'), '[rabbitmq_amqp1_0].')
  await writeFile(path('definitions.json'), JSON.stringify(definitions()))
  const lines = [
    'loopback_users = none',
    `load_definitions = ${path('definitions.json')}`,
    `amqp1_0.default_vhost = ${VHOST}`,
    `listeners.ssl.1 = 127.0.0.1:${tlsPort}`,
    `ssl_options.cacertfile = ${path('cert.pem')}`,
    `ssl_options.certfile = ${path('cert.pem')}`,
    `ssl_options.keyfile = ${path('key.pem')}`,
    'ssl_options.verify = verify_none',
    'log.console = true',
    'log.console.level = info',
    'log.file = false',
  ]
  await writeFile(path('rabbitmq.conf'), `${lines.join('\n')}\n`)
  return keys.cert
}

function definitions() {
  const permission = (user: string, configure: string, write: string, read: string) => ({
    user,
    vhost: VHOST,
    configure,
    write,
    read,
  })
  return {
    users: [user('admin', 'administrator'), user('limited'), user('nobody')],
    vhosts: [{ name: VHOST }],
    permissions: [
      permission('admin', '.*', '.*', '.*'),
      permission('limited', '.*', '.*', '.*'),
      permission('nobody', '', '', ''),
    ],
    topic_permissions: [
      { user: 'limited', vhost: VHOST, exchange: 'amq.topic', write: '^allowed$', read: '^allowed$' },
    ],
  }
}

/** A user whose password is the name, hashed as RabbitMQ keeps it: salt, then SHA-256 of salt and password. */
function user(name: string, ...tags: string[]) {
  const salt = randomBytes(4)
  const hash = createHash('sha256').update(salt).update(name).digest()
  return {
    name,
    tags,
    password_hash: Buffer.concat([salt, hash]).toString('base64'),
    hashing_algorithm: 'rabbit_password_hashing_sha256',
  }
}

async function started(broker: ChildProcess): Promise<void> {
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const fail = (text: string) => reject(new Error(`RabbitMQ ${text}:\n${output.slice(-5000)}`))
    const timer = setTimeout(() => fail('did not start in time'), START_TIMEOUT)
    const exited = () => fail('ended')
    const read = (chunk: Buffer) => {
      if (STARTED.test(output)) return
      output += chunk
      if (!STARTED.test(output)) return
      clearTimeout(timer)
      broker.off('exit', exited)
      resolve()
    }
    broker.once('exit', exited)
    broker.stdout?.on('data', read)
    broker.stderr?.on('data', read)
  })
}

function signalGroup(leader: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (leader?.pid !== undefined) process.kill(-leader.pid, signal)
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  signalGroup(child, 'SIGKILL')
  await gone
}
