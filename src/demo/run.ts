import { mkdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { writeAtomically } from '../certificates/index.js'
import { Secret } from '../config/index.js'
import { type Logging, silent } from '../logging/index.js'
import { packageFile } from '../package-file.js'
import { startBroker } from './broker/index.js'
import { demoConfigFile, TOPIC, withProductionEndpoint } from './config-file.js'
import { isInUse, PortInUseError } from './http.js'
import { startPetstore } from './petstore/petstore.js'
import { startTokenService } from './token-service/index.js'
import { type DemoUrls, walkThrough } from './walk-through.js'

/** The ports of the demo; 0 takes a free one. */
export interface DemoPorts {
  readonly http: number
  readonly https: number
  readonly tokenListener: number
  readonly admin: number
  readonly tokenService: number
  readonly broker: number
  readonly petstore: number
}

/** WSO2's ports where it has one for the purpose. */
export const DEMO_PORTS: DemoPorts = {
  http: 9090,
  https: 9095,
  tokenListener: 9096,
  admin: 9797,
  tokenService: 9443,
  broker: 5672,
  petstore: 9080,
}

export const FREE_PORTS: DemoPorts = {
  http: 0,
  https: 0,
  tokenListener: 0,
  admin: 0,
  tokenService: 0,
  broker: 0,
  petstore: 0,
}

/** What the demo needs of a gateway that was started. */
export interface RunningGateway {
  readonly httpPort: number
  readonly httpsPort: number
  readonly adminPort: number
  /** Resolves when it serves protected APIs. */
  known(): Promise<void>
  close(): Promise<void>
}

export interface DemoOptions {
  /** Keeps everything that outlives a restart, and the configuration. Created (mode 0700) if missing. */
  readonly directory: string
  /** Where the gateway listens; the rest of the demo is on loopback in any case. Default 127.0.0.1. */
  readonly host?: string
  /** Default {@link DEMO_PORTS}. */
  readonly ports?: DemoPorts
  /** Starts the gateway with a configuration file, as `mgw start` does, and resolves when it listens. */
  readonly startGateway: (configFile: string) => Promise<RunningGateway>
  /** Shows text to the user. */
  readonly print: (text: string) => void
  /** The petstore's OpenAPI definition, YAML. Default: the one in `conf/api_definitions`. */
  readonly definition?: string
  readonly logging?: Logging
}

export interface Demo {
  readonly urls: DemoUrls
  /** Stops the gateway first, then what it depends on. */
  close(): Promise<void>
}

const PETSTORE_DEFINITION = 'conf/api_definitions/petstore.yaml'

/**
 * Starts a petstore, a token service, a topic broker and the gateway in front of them, all on loopback, and prints
 * what to try. Throws {@link PortInUseError}, or what stopped a part; then nothing is left running.
 */
export async function runDemo(options: DemoOptions): Promise<Demo> {
  const running: { close(): Promise<void> }[] = []
  const close = async () => {
    for (let part = running.pop(); part !== undefined; part = running.pop()) await part.close()
  }
  try {
    const urls = await start(options, (part) => {
      running.push(part)
      return part
    })
    options.print(walkThrough(urls))
    return { urls, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function start(options: DemoOptions, started: <Part extends { close(): Promise<void> }>(part: Part) => Part) {
  const { directory, logging = silent, ports = DEMO_PORTS } = options
  const admin = { name: 'admin', password: new Secret('admin') }
  const client = { name: 'demo', password: new Secret('demo') }
  await mkdir(join(directory, 'api_definitions'), { recursive: true, mode: 0o700 })

  const petstore = started(await startPetstore({ port: ports.petstore, logging }))
  const broker = started(
    await startBroker({ port: ports.broker, username: admin.name, password: admin.password, logging }),
  )
  const tokenService = started(
    await startTokenService({
      port: ports.tokenService,
      directory: join(directory, 'token-service'),
      client,
      admin,
      publish: (event) => broker.publish(TOPIC, event),
      logging,
    }),
  )
  await writeDefinition(directory, options.definition ?? packageFile(PETSTORE_DEFINITION), petstore.url)
  const configFile = join(directory, 'micro-gw.conf')
  const content = demoConfigFile({
    host: options.host ?? '127.0.0.1',
    httpPort: ports.http,
    httpsPort: ports.https,
    tokenListenerPort: ports.tokenListener,
    adminPort: ports.admin,
    tokenServiceUrl: tokenService.url,
    issuer: tokenService.issuer,
    brokerPort: broker.port,
    caFile: relative(directory, tokenService.caFile),
  })
  await writeAtomically(configFile, content)
  const gateway = started(await options.startGateway(configFile).catch(namePort))
  await gateway.known()
  return {
    http: `http://localhost:${gateway.httpPort}`,
    https: `https://localhost:${gateway.httpsPort}`,
    admin: `http://localhost:${gateway.adminPort}`,
    tokenService: tokenService.url,
    broker: broker.url,
    petstore: petstore.url,
    configFile,
  }
}

async function writeDefinition(directory: string, definition: string, endpoint: string): Promise<void> {
  const file = join(directory, 'api_definitions', basename(PETSTORE_DEFINITION))
  await writeAtomically(file, withProductionEndpoint(definition, endpoint))
}

function namePort(error: unknown): never {
  if (!isInUse(error)) throw error
  let port = 0
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('port' in cause && typeof cause.port === 'number') port = cause.port
  }
  throw new PortInUseError('gateway', port, error)
}
