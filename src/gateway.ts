import { loadConfig, loadKeys } from './config/index.js'
import type { Announcement } from './gateway/announce.js'
import type { Inputs } from './gateway/inputs.js'
import type { InspectedJournal } from './gateway/inspect-journal.js'
import { namesIssuers } from './gateway/issuers.js'
import type { Rehearsed } from './gateway/rehearsal.js'
import type { ReloadOptions, ReloadOutcome } from './gateway/reloading.js'
import type { Gateway } from './gateway/start.js'
import type { Connections } from './gateway/try-connections.js'
import { type Logging, silent } from './logging/index.js'
import { mayBeOf, type Revocable, type RuleRevocation, revocable } from './revocation/index.js'

export type { Explanation } from './gateway/explanation.js'
export type { StatusReport } from './gateway/observing.js'
export type { Announcement, Connections, Gateway, Inputs, Rehearsed, ReloadOptions, ReloadOutcome }

// What a command does not call is not loaded for it: it takes most of the time that a short command takes.

/** Starts a gateway; see `gateway/start.ts`. */
export async function startGateway(configFile: string, options: { logging?: Logging } = {}): Promise<Gateway> {
  const start = await import('./gateway/start.js')
  return start.startGateway(configFile, options)
}

/** Reads a configuration and the API definitions that it names. Throws all problems at once. */
export async function readInputs(configFile: string): Promise<Inputs> {
  const inputs = await import('./gateway/inputs.js')
  return inputs.readInputs(configFile)
}

/** Makes what a start would make, without connecting, listening or writing. Throws what a start would throw. */
export async function rehearseStart(inputs: Inputs): Promise<Rehearsed> {
  const rehearsal = await import('./gateway/rehearsal.js')
  return rehearsal.rehearseStart(inputs)
}

/** Connects to every source, issuer and key manager that a configuration names, and closes the connections. */
export async function tryConnections(inputs: Inputs): Promise<Connections> {
  const connections = await import('./gateway/try-connections.js')
  return connections.tryConnections(inputs)
}

/** An announced revocation of a token, with the outcome at store and topic. */
export interface Revoked extends Revocable {
  readonly told: readonly Announcement[]
}

/** What {@link revokeToken} is told beside the token. */
export interface RevokeTokenOptions {
  /** When the token ends (epoch ms); by default a JWT's own `exp`. */
  readonly expiresAt?: number | undefined
  /** The issuer whose token is meant; by default that of a JWT, if several issuers are configured, and else any. */
  readonly issuer?: string | undefined
}

/**
 * Revokes a token, given whole or by its `jti`, at the store and the topic that a configuration names; gateways learn it
 * from there. Verifies nothing: read access to the configuration is enough to revoke.
 * `problem` says, for people, why nothing is revoked. Throws the configuration's problems.
 */
export async function revokeToken(
  configFile: string,
  token: string,
  { expiresAt, issuer }: RevokeTokenOptions = {},
): Promise<Revoked | { readonly problem: string }> {
  const { config } = await loadConfig(configFile, process.env)
  const named = revocable(token, Date.now(), expiresAt, namesIssuers(config))
  if (named === undefined) return { problem: 'expected a token or a jti: 1 to 65536 visible ASCII characters' }
  if (issuer !== undefined && !mayBeOf(token, issuer))
    return { problem: '--issuer: not the issuer that the token names' }
  const { by } = named
  const record = issuer === undefined ? named.record : { ...named.record, iss: issuer }
  const { announce } = await import('./gateway/announce.js')
  return { by, record, told: await announce(config, record, silent) }
}

/**
 * Puts a rule to the store that a configuration names: about all tokens issued so far, also by an issuer whose clock is ahead
 * by as much as is allowed. Throws the configuration's problems.
 *
 * @param ruleOf the rule about what was issued before a moment (epoch ms)
 */
export async function revokeByRule<Rule extends RuleRevocation>(
  configFile: string,
  ruleOf: (revokedBefore: number) => Rule,
): Promise<{ readonly rule: Rule; readonly told: readonly Announcement[] }> {
  const { config } = await loadConfig(configFile, process.env)
  const rule = ruleOf(Date.now() + config.server.timestampSkew)
  const { announce } = await import('./gateway/announce.js')
  return { rule, told: await announce(config, rule, silent) }
}

/** Reads the journal of a configuration, even while a gateway writes it. Throws the configuration's problems. */
export async function inspectJournal(configFile: string): Promise<InspectedJournal> {
  const config = await loadKeys(configFile, process.env, JOURNAL_KEYS)
  const inspection = await import('./gateway/inspect-journal.js')
  return inspection.inspectJournal(config)
}

/** All that matters of a configuration: the rest may need the environment of the gateway. */
const JOURNAL_KEYS = ['server.stateDirectory', 'tokenRevocationConfig.journal', 'tokenRevocationConfig.retention']

/**
 * Accepts a loss of a configuration's journal. Throws the configuration's problems, or the file system's error.
 *
 * @param id the SHA-256 of the damage
 */
export async function acceptDamage(configFile: string, id: string): Promise<{ path: string; isAccepted: boolean }> {
  const config = await loadKeys(configFile, process.env, JOURNAL_KEYS)
  const { acceptDamagedJournal } = await import('./gateway/inspect-journal.js')
  const isAccepted = await acceptDamagedJournal(config, id)
  return { path: config.tokenRevocationConfig.journal.path, isAccepted }
}
