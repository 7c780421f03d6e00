import { type Inputs, readInputs, rehearseStart } from '../gateway.js'
import { describeTarget } from '../logging/index.js'
import { EXIT_DONE } from './exit.js'

/**
 * `mgw check`: makes what `mgw start` would make, short of connecting, listening and writing, and prints what it says; throws
 * what `mgw start` would throw. Ends the process: a store module may have left connections open.
 */
export async function check(options: { readonly config: string }): Promise<void> {
  const inputs = await readInputs(options.config)
  const rehearsed = await rehearseStart(inputs)
  const warnings = [...inputs.warnings, ...rehearsed.warnings]
  for (const { title, rows } of describeInputs(inputs, rehearsed.storeAddresses)) {
    console.log(title)
    const width = Math.max(0, ...rows.map(([name]) => name.length))
    for (const [name, value] of rows) console.log(`  ${name.padEnd(width)}  ${value}`)
  }
  for (const note of inputs.notes) console.log(`note: ${note}`)
  for (const warning of warnings) console.error(`warning: ${warning}`)
  const count = warnings.length
  const verdict = `${options.config}: ok${count === 0 ? '' : `, ${count} warning${count === 1 ? '' : 's'}`}`
  process.stdout.write(`${verdict}\n`, () => process.exit(EXIT_DONE))
}

/** A part of what `mgw check` prints: names and what is to be said of them. */
export interface Section {
  readonly title: string
  readonly rows: readonly (readonly [name: string, value: string])[]
}

/** What a gateway with these inputs would serve, listen on, accept and learn from. Shows no secret. */
function describeInputs({ config, apis }: Inputs, storeAddresses: readonly string[]): Section[] {
  const { listenerConfig, admin, keyManager } = config
  const sections: Section[] = [
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
  return sections.map((section) => (section.rows.length > 0 ? section : { ...section, rows: [['none', '']] }))
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
