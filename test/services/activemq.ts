import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { freePorts } from './free-port.js'

const run = promisify(execFile)

/** Tests run compiled, from dist/test/services: what TypeScript does not copy is in the sources. */
const RESOURCES = fileURLToPath(new URL('../../../test/services/activemq/', import.meta.url))
const HOME = '/usr/share/activemq'
const JAVA_LIBRARIES = '/usr/share/java'
const START_TIMEOUT = 60_000
/** For the tools of Java, which end soon: half of the processor time. */
const SMALL = ['-J-XX:TieredStopAtLevel=1', '-J-XX:+UseSerialGC']
const LOG4J = `log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%-5p %c{1} - %m%n
`

/**
 * What the machine lacks to run ActiveMQ and its Java publisher, as a reason to skip; `false` when nothing.
 * With MGW_REQUIRE_SERVICES=1 it throws instead.
 */
export function activemqMissing(): string | false {
  const missing = ['java', 'javac', 'keytool'].filter((tool) => spawnSync(tool, ['-version']).error !== undefined)
  if (!existsSync(join(HOME, 'lib'))) missing.unshift('activemq')
  if (missing.length === 0) return false
  const reason = `not installed: ${missing.join(', ')}`
  if (process.env.MGW_REQUIRE_SERVICES === '1') throw new Error(reason)
  return reason
}

/** A stock broker on loopback. Users: admin/admin, and ro/ro who may read no topic. */
export interface ActiveMQ {
  /** OpenWire. */
  readonly port: number
  /** OpenWire, but the broker never pings. */
  readonly mutePort: number
  /** OpenWire over TLS, with a certificate for 127.0.0.1 and localhost that signs itself: `ca`. */
  readonly tlsPort: number
  readonly stompPort: number
  readonly ca: string
  /** kill -9. Resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it again, on the same ports, with what it had stored. */
  start(): Promise<void>
  /** SIGSTOP, and its end. */
  freeze(): void
  thaw(): void
}

/** Starts a broker that lives as long as the test, on a free port if none is wanted. */
export async function startActiveMQ(t: Test, wantedPort?: number): Promise<ActiveMQ> {
  const directory = await mkdtemp(join(tmpdir(), 'mgw-activemq-'))
  let broker: ChildProcess | undefined
  const kill = async () => {
    const dying = broker
    broker = undefined
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return
    const gone = once(dying, 'exit')
    dying.kill('SIGKILL')
    await gone
  }
  // A test that is cut short runs no teardown.
  const orphaned = () => broker?.kill('SIGKILL')
  process.once('exit', orphaned)
  t.teardown(async () => {
    await kill()
    process.off('exit', orphaned)
    await rm(directory, { recursive: true, force: true })
  })
  const ca = await makeKeyStore(directory)
  await writeFile(join(directory, 'log4j.properties'), LOG4J)
  const [anyPort = 0, mutePort = 0, tlsPort = 0, stompPort = 0] = await freePorts(4)
  const port = wantedPort ?? anyPort
  const settings = { port, mutePort, tlsPort, stompPort, keyStore: join(directory, 'keys.p12') }
  const start = async () => {
    broker = spawn('java', brokerArguments(directory, settings), { stdio: ['ignore', 'pipe', 'pipe'] })
    await started(broker)
  }
  await start()
  return {
    ...settings,
    ca,
    kill,
    start,
    freeze: () => broker?.kill('SIGSTOP'),
    thaw: () => broker?.kill('SIGCONT'),
  }
}

/** A JMS client that publishes with ActiveMQ's own library. */
export class Publisher {
  readonly #process: ChildProcess
  readonly #answers: Interface

  private constructor(child: ChildProcess, answers: Interface) {
    this.#process = child
    this.#answers = answers
  }

  static async start(t: Test): Promise<Publisher> {
    const classes = await mkdtemp(join(tmpdir(), 'mgw-publisher-'))
    const path = [classes, ...jars('lib'), ...jars('lib/optional')].join(':')
    await run('javac', [...SMALL, '-d', classes, '-cp', path, join(RESOURCES, 'Publisher.java')])
    const java = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dfile.encoding=UTF-8']
    const child = spawn('java', [...java, '-cp', path, 'Publisher'], { stdio: ['pipe', 'pipe', 'ignore'] })
    t.teardown(async () => {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      await rm(classes, { recursive: true, force: true })
    })
    return new Publisher(child, createInterface({ input: child.stdout }))
  }

  /** Publishes one message; see Publisher.java for the fields. Resolves when the broker has it. */
  async publish(port: number, kind: string, topic: string, body: string[], properties: string[] = []): Promise<void> {
    const answer = once(this.#answers, 'line')
    this.#process.stdin?.write(`${[port, kind, topic, ...body, '', ...properties].join('\t')}\n`)
    const [line] = (await answer) as [string]
    if (line !== 'ok') throw new Error(line)
  }
}

function brokerArguments(directory: string, settings: Readonly<Record<string, string | number>>): string[] {
  const libraries = ['xstream.jar', 'jettison.jar', 'xpp3.jar'].map((jar) => join(JAVA_LIBRARIES, jar))
  const own = Object.entries(settings).map(([key, value]) => `-Dmgw.${key}=${value}`)
  return [
    ...['-Xms32m', '-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
    ...[`-Dactivemq.home=${HOME}`, `-Dactivemq.base=${directory}`, `-Dactivemq.data=${directory}`],
    ...[`-Dactivemq.conf=${directory}`, `-Dlog4j.configuration=file:${join(directory, 'log4j.properties')}`],
    ...own,
    ...['-cp', [directory, ...jars('lib'), ...jars('lib/optional'), ...libraries].join(':')],
    ...['org.apache.activemq.console.Main', 'start', `xbean:file:${join(RESOURCES, 'broker.xml')}`],
  ]
}

function jars(folder: string): string[] {
  const directory = join(HOME, folder)
  return readdirSync(directory)
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(directory, name))
}

/** Resolves when the broker says that it has started, all its connectors included. */
async function started(broker: ChildProcess): Promise<void> {
  const { stdout, stderr } = broker
  if (stdout === null || stderr === null) throw new Error('no output to read')
  let output = ''
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`ActiveMQ did not start in time:\n${output.slice(0, 2000)}`)),
      START_TIMEOUT,
    )
    broker.once('exit', () => reject(new Error(`ActiveMQ did not start:\n${output.slice(0, 2000)}`)))
    stderr.on('data', (chunk: Buffer) => {
      output += chunk
    })
    stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk).slice(-10_000)
      if (!/Apache ActiveMQ \S+ \(\S+ \S+\) started/.test(output)) return
      clearTimeout(timer)
      resolve()
    })
  })
  await ready
}

async function makeKeyStore(directory: string): Promise<string> {
  const store = ['-keystore', join(directory, 'keys.p12'), '-storetype', 'PKCS12', '-storepass', 'changeit']
  const names = ['-dname', 'CN=localhost', '-ext', 'san=dns:localhost,ip:127.0.0.1', '-ext', 'bc=ca:true']
  await run('keytool', [...SMALL, '-genkeypair', '-alias', 'broker', '-keyalg', 'EC', ...names, ...store])
  const pem = join(directory, 'ca.pem')
  await run('keytool', [...SMALL, '-exportcert', '-rfc', '-alias', 'broker', '-file', pem, ...store])
  return readFile(pem, 'utf8')
}
