import { resolve } from 'node:path'
import { DEMO_PORTS, FREE_PORTS, runDemo } from '../demo/index.js'
import { startGateway } from '../gateway.js'
import { createLogging, type LoggingOptions } from '../logging/index.js'
import { untilSignal } from './exit.js'
import { print } from './output.js'

export interface DemoCommandOptions {
  readonly directory: string
  readonly freePorts?: boolean
  readonly host?: string
  readonly logLevel: LoggingOptions['level']
}

/** `mgw demo`: everything in one process on 127.0.0.1, until a signal. */
export async function demo(options: DemoCommandOptions): Promise<void> {
  const logging = createLogging({ level: options.logLevel, format: 'text' })
  await untilSignal(() =>
    runDemo({
      directory: resolve(options.directory),
      ports: options.freePorts === true ? FREE_PORTS : DEMO_PORTS,
      logging,
      ...(options.host === undefined ? {} : { host: options.host }),
      startGateway: (configFile) => startGateway(configFile, { logging }),
      print,
    }),
  )
}
