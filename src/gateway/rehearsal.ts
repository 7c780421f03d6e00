import { dirname } from 'node:path'
import type { Config } from '../config/index.js'
import { describeError, type Fields, type Logger, type Logging, silent } from '../logging/index.js'
import type { Primary } from './application.js'
import { expiringCertificates } from './expiring-certificates.js'
import type { Inputs } from './inputs.js'
import { hasCertificate, trySelfSigned, tryToWrite } from './listeners.js'
import { openRevocations, openSources } from './open-revocations.js'
import { tryRecordFiles } from './record-files.js'
import { prepareServing } from './serving.js'

/** What a start would say. */
export interface Rehearsed {
  readonly warnings: readonly string[]
  /** Where the persistent store is, for people. */
  readonly storeAddresses: readonly string[]
}

/**
 * Makes everything that a gateway with these inputs is made of, as a start does and in its order, without connecting,
 * listening or writing; then releases it. Throws what a start would throw.
 */
export async function rehearseStart(inputs: Inputs): Promise<Rehearsed> {
  const { config } = inputs
  const warnings = await expiringCertificates(config, Date.now())
  const logging = collecting(warnings)
  if (!hasCertificate(config)) await trySelfSigned(config.server.stateDirectory)
  const { store } = await openSources(config, logging, { mayWrite: false })
  await store?.close()
  await tryRecordFiles(config)
  await tryServing(inputs, logging)
  await tryJournal(config, warnings)
  return { warnings, storeAddresses: store?.addresses ?? [] }
}

/** Makes the serving half and releases it. Throws what is wrong with keys, certificates, secrets and mappings. */
export async function tryServing(inputs: Inputs, logging: Logging = silent): Promise<void> {
  const sources = { topic: undefined, store: undefined, clock: {} }
  const revocations = await openRevocations(withoutJournal(inputs.config), silent, sources)
  try {
    const serving = await prepareServing(inputs, revocations, NO_PRIMARY, logging)
    await serving.close()
  } finally {
    await revocations.close()
  }
}

/** Nothing arrives. */
const NO_PRIMARY: Primary = { revoke: async () => undefined, receive: async () => ({ status: 404 }) }

function withoutJournal(config: Config): Config {
  const { tokenRevocationConfig } = config
  const journal = { ...tokenRevocationConfig.journal, enable: false }
  return { ...config, tokenRevocationConfig: { ...tokenRevocationConfig, journal } }
}

/** As when the journal is opened, a directory that cannot be written is no error: the gateway serves without it. */
async function tryJournal({ tokenRevocationConfig: { journal } }: Config, warnings: string[]): Promise<void> {
  if (!journal.enable) return
  try {
    await tryToWrite(dirname(journal.path))
  } catch (error) {
    const reason = describeError(error)
    warnings.push(`journal not writable: revocations are not durable (path: ${journal.path}, reason: ${reason})`)
  }
}

/** A log that keeps its warnings and errors, as lines for people. */
export function collecting(warnings: string[]): Logging {
  const keep = (text: string, fields: Fields = {}) => {
    const said = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
    warnings.push(said.length === 0 ? text : `${text} (${said.join(', ')})`)
  }
  return (component): Logger => ({
    ...silent(component),
    warn: keep,
    error: (text, cause, fields) =>
      keep(text, cause === undefined ? fields : { ...fields, cause: describeError(cause) }),
  })
}
