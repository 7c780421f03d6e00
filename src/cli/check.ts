import { type Connections, type Inputs, readInputs, rehearseStart, tryConnections } from '../gateway.js'
import { describeError, describeTarget } from '../logging/index.js'
import { EXIT_DONE, EXIT_FAILED, exitStatusOf, isProblemList } from './exit.js'
import { print, printAndExit, printError } from './output.js'

export interface CheckOptions {
  readonly config: string
  readonly connect?: boolean
  readonly json?: boolean
}

/**
 * `mgw check`: makes what `mgw start` would make, short of connecting, listening and writing, and prints what it says; throws
 * what `mgw start` would throw. With `connect` it also connects to all that the file names: a connection that fails is exit
 * status 1. Ends the process: a store module may have left connections open.
 */
export async function check(options: CheckOptions): Promise<void> {
  try {
    await checkAll(options)
  } catch (error) {
    if (options.json !== true) throw error
    const problems = isProblemList(error) ? error.problems : [{ message: describeError(error) }]
    const status = exitStatusOf(error)
    printAndExit(JSON.stringify({ config: options.config, problems }), status)
  }
}

async function checkAll(options: CheckOptions): Promise<void> {
  const inputs = await readInputs(options.config)
  const rehearsed = await rehearseStart(inputs)
  const connections: Connections = options.connect ? await tryConnections(inputs) : { attempts: [], warnings: [] }
  const checked: Checked = {
    sections: describeInputs(inputs, rehearsed.storeAddresses),
    notes: inputs.notes,
    warnings: [...new Set([...inputs.warnings, ...rehearsed.warnings, ...connections.warnings])],
    connections: connections.attempts,
  }
  const failed = checked.connections.filter(({ succeeded }) => !succeeded).length
  const verdict = options.json
    ? JSON.stringify({ config: options.config, ...checked })
    : printForPeople(options, checked)
  printAndExit(verdict, failed === 0 ? EXIT_DONE : EXIT_FAILED)
}

interface Checked {
  readonly sections: readonly Section[]
  readonly notes: readonly string[]
  readonly warnings: readonly string[]
  readonly connections: Connections['attempts']
}

/** Prints for people; returns the last line. */
function printForPeople(options: CheckOptions, { sections, notes, warnings, connections }: Checked): string {
  for (const { title, rows } of sections) printSection(title, rows)
  if (options.connect) {
    printSection(
      'Connections',
      connections.map(({ name, succeeded, detail }) => [name, `${succeeded ? 'ok' : 'FAILED'}: ${detail}`]),
    )
  }
  for (const note of notes) print(`note: ${note}`)
  for (const warning of warnings) printError(`warning: ${warning}`)
  const failed = connections.filter(({ succeeded }) => !succeeded).length
  const verdict = failed === 0 ? 'ok' : `${count(failed, 'connection')} failed`
  return `${options.config}: ${verdict}${warnings.length === 0 ? '' : `, ${count(warnings.length, 'warning')}`}`
}

function printSection(title: string, rows: Section['rows']): void {
  print(title)
  const shown = rows.length > 0 ? rows : [['none', ''] as const]
  const width = Math.max(...shown.map(([name]) => name.length))
  for (const [name, value] of shown) print(`  ${name.padEnd(width)}  ${value}`)
}

function count(of: number, what: string): string {
  return `${of} ${what}${of === 1 ? '' : 's'}`
}

/** A part of what `mgw check` prints: names and what is to be said of them. */
export interface Section {
  readonly title: string
  readonly rows: readonly (readonly [name: string, value: string])[]
}

/** What a gateway with these inputs would serve, listen on, accept and learn from. Shows no secret. */
function describeInputs({ config, apis }: Inputs, storeAddresses: readonly string[]): Section[] {
  const { listenerConfig, admin, keyManager } = config
  return [
    {
      title: 'APIs',
      rows: apis.map((api) => [
        api.basePath || '/',
        `${api.name}, ${api.resources.length} operation${api.resources.length === 1 ? '' : 's'}, ${api.resources.filter(({ secured }) => secured).length} secured${notServed(api)}`,
      ]),
    },
    {
      title: 'Listeners',
      rows: [
        ['http', `${listenerConfig.host}:${listenerConfig.httpPort}`],
        ['https', `${listenerConfig.host}:${listenerConfig.httpsPort}, ${certificate(config)}`],
        ['admin', `${admin.host}:${admin.port}`],
        ...(keyManager === undefined
          ? []
          : [
              [
                'key manager',
                `${keyManager.serverUrl} on https, and alone on ${listenerConfig.host}:${listenerConfig.tokenListenerPort}`,
              ] as const,
            ]),
      ],
    },
    {
      title: 'Issuers',
      rows: config.jwtTokenConfig.map(({ issuer, jwksURL, audience }) => [
        issuer,
        `${jwksURL === undefined ? 'certificate' : describeTarget(jwksURL)}${audience.length === 0 ? '' : `, audience ${audience.join(' or ')}`}`,
      ]),
    },
    { title: 'Revocations', rows: revocations(config, storeAddresses) },
  ]
}

function notServed({ resources }: Inputs['apis'][number]): string {
  const count = resources.filter(({ unserved }) => unserved !== undefined).length
  return count === 0 ? '' : `, ${count} not served`
}

function certificate({ listenerConfig }: Inputs['config']): string {
  return listenerConfig.certFile ?? listenerConfig.keyStorePath ?? 'self-signed certificate'
}

function revocations({ tokenRevocationConfig }: Inputs['config'], storeAddresses: readonly string[]): Section['rows'] {
  const { realtime, persistent, journal, failurePolicy } = tokenRevocationConfig
  return [
    // The broker's URL may hold credentials, so it is not shown.
    ['realtime', realtime.enableRealtimeMessageRetrieval ? `topic ${realtime.jmsConnectionTopic}` : 'off'],
    [
      'persistent',
      persistent.enablePersistentStorageRetrieval ? [persistent.type, ...storeAddresses].join(' ') : 'off',
    ],
    ['journal', journal.enable ? journal.path : 'off'],
    [
      'until known',
      failurePolicy === 'closed' ? 'protected APIs answer 503' : 'requests pass (failurePolicy = "open")',
    ],
  ]
}
