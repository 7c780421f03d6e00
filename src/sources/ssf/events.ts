const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
const RISC = 'https://schemas.openid.net/secevent/risc/event-type/'
const SSF = 'https://schemas.openid.net/secevent/ssf/event-type/'

/** A verification event of a stream (SSF 1.0 §8.1.4), and the news that its status has changed (§8.1.5). */
export const VERIFICATION = `${SSF}verification`
export const STREAM_UPDATED = `${SSF}stream-updated`

/** An event that ends tokens: its type, and whether it is about a session or about an account. */
export interface RevokingEvent {
  readonly type: string
  readonly about: 'session' | 'account'
}

/**
 * The events of CAEP 1.0 and RISC 1.0 that can end tokens, by the names that the configuration has for them. RISC's
 * `sessions-revoked` is what `session-revoked` was before CAEP: all sessions of an account.
 */
export const REVOKING_EVENTS = {
  'session-revoked': { type: `${CAEP}session-revoked`, about: 'session' },
  'credential-change': { type: `${CAEP}credential-change`, about: 'account' },
  'sessions-revoked': { type: `${RISC}sessions-revoked`, about: 'account' },
  'account-disabled': { type: `${RISC}account-disabled`, about: 'account' },
  'account-purged': { type: `${RISC}account-purged`, about: 'account' },
  'credential-compromise': { type: `${RISC}credential-compromise`, about: 'account' },
} as const satisfies Readonly<Record<string, RevokingEvent>>

export type RevokingEventName = keyof typeof REVOKING_EVENTS
