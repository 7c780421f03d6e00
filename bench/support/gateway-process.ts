import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface GatewayProcess {
  /** A resource that needs a token. */
  readonly url: string
  /** With a channel for messages, which the gateway itself does not use. */
  readonly child: ChildProcess
  end(): Promise<void>
}

export interface GatewayOptions {
  /** Of the tokens; it serves `/jwks`, and is the upstream too, unless there is another one. */
  readonly issuer: string
  readonly upstream?: string
  readonly directory: string
  /** The body of `[tokenRevocationConfig.persistent]`; none by default. */
  readonly persistent?: string
  /** Further paths of the API, as OpenAPI has them. */
  readonly paths?: string
  /** Further keys of `[listenerConfig]`. */
  readonly listener?: string
  /** The body of `[tokenRevocationConfig.realtime]`; none by default. */
  readonly realtime?: string
  /** One by default. */
  readonly workers?: number
  /** Further keys of `[admin]`. */
  readonly admin?: string
}

export interface GatewayProcessOptions extends GatewayOptions {
  /** For `node`, before its script. */
  readonly nodeOptions?: readonly string[]
}

/** Starts `mgw start` with one worker on free ports, and waits until it knows its list. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<GatewayProcess> {
  const script = [...(options.nodeOptions ?? []), 'bin/mgw.js', 'start', '-c', configureGateway(options)]
  const child: ChildProcess = spawn(process.execPath, script, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  if (child.stdout === null) throw new Error('the gateway has no standard output')
  let output = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    output += chunk
    // Without a source of revocations the list is known from the start, and nothing says so.
    const known = options.persistent === undefined || output.includes('list is known')
    if (known && output.includes('gateway started')) break
  }
  child.stdout.resume()
  const port = /gateway started http=(\d+)/.exec(output)?.[1]
  if (port === undefined) throw new Error(`the gateway did not start:\n${output}`)
  return {
    url: `http://127.0.0.1:${port}/things/thing`,
    child,
    async end() {
      child.kill('SIGTERM')
      await once(child, 'close')
    },
  }
}

/** Writes a gateway's configuration and its API, on free ports; returns the configuration's file. */
export function configureGateway({
  directory,
  issuer,
  upstream = issuer,
  persistent = '',
  paths = '',
  listener = '',
  realtime = '',
  workers = 1,
  admin = '',
}: GatewayOptions): string {
  mkdirSync(join(directory, 'api_definitions'), { recursive: true })
  writeFileSync(
    join(directory, 'api_definitions', 'things.yaml'),
    `openapi: 3.0.3
info: { title: Things, version: 1.0.0 }
x-wso2-basePath: /things
x-wso2-production-endpoints: { urls: [${JSON.stringify(upstream)}] }
paths:
  /thing: { get: { responses: { default: { description: any } } } }
${paths}`,
  )
  const file = join(directory, 'micro-gw.conf')
  writeFileSync(
    file,
    `[server]
  workers = ${workers}
[listenerConfig]
  host = "127.0.0.1"
  httpPort = 0
  httpsPort = 0
  tokenListenerPort = 0
${listener}
[admin]
  port = 0
${admin}
[[jwtTokenConfig]]
  issuer = "${issuer}"
  jwksURL = "${issuer}/jwks"
[tokenRevocationConfig.realtime]
${realtime}
[tokenRevocationConfig.persistent]
${persistent}
`,
  )
  return file
}
