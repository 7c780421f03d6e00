import { z } from 'zod'
import { duration, httpUrl, key, optionalHttpUrl, optionalText, secret, someText, table, text, word } from './values.js'

/** `[identityProvider.ssf]`: the Shared Signals Framework. */

const EVENTS = { error: 'must be a list of events' }
const event = word([
  'session-revoked',
  'sessions-revoked',
  'account-disabled',
  'account-purged',
  'credential-change',
  'credential-compromise',
])
const MEMBERS = { error: 'must be a list of at most 16 names' }

/** The receiver of an identity provider's stream of security events. */
export const ssfReceiver = table({
  delivery: key(
    word(['poll', 'push']).prefault('poll'),
    'Whether the gateway polls for events (RFC 8936), or the transmitter pushes them (RFC 8935).',
  ),
  transmitter: key(
    optionalHttpUrl,
    'The issuer of the events, below which .well-known/ssf-configuration is. Absent: the issuer of the tokens.',
  ),
  tokenUrl: key(httpUrl, 'The token endpoint that gives the gateway its access token for the transmitter. Required.'),
  clientId: key(
    someText,
    'The gateway’s client id there. A poll stream belongs to one gateway: give each its own. Required.',
  ),
  clientSecret: key(secret.prefault(''), 'The gateway’s client secret.', { kind: 'secret' }),
  scopes: key(text.prefault('ssf.manage ssf.read'), 'The scopes to ask for, separated by spaces.'),
  streamId: key(
    optionalText,
    'The stream to use. Absent: the one that has this description and delivery, which is created if there is none.',
  ),
  description: key(someText.prefault('mgw'), 'The description of the stream, by which it is found again.'),
  events: key(
    z
      .array(event, EVENTS)
      .min(1, 'must name an event')
      .prefault(['session-revoked', 'sessions-revoked', 'account-disabled', 'account-purged']),
    'The events that end tokens: "session-revoked" and "credential-change" of CAEP, "sessions-revoked", "account-disabled", "account-purged" and "credential-compromise" of RISC.',
  ),
  emailClaim: key(
    optionalText,
    'The claim of the tokens that has their user’s address, for events that name a user by it. Set it only if every token has it. Absent: such events are refused.',
  ),
  ignoredSubjectMembers: key(
    z.array(someText, MEMBERS).max(16, MEMBERS).prefault([]),
    'Members of a complex subject that do not narrow it at this transmitter, such as "tenant" beside a user.',
  ),
  pollInterval: key(duration(100, 3_600_000).prefault('2s'), 'How often a poll stream is asked for events.'),
  verificationInterval: key(
    duration(0, 86_400_000).prefault('5m'),
    'How often a verification event is asked for; 0: never. The transmitter’s min_verification_interval is respected.',
  ),
  pushUrl: key(
    optionalHttpUrl,
    'Where the transmitter reaches a secure listener of the gateway: /ssf/{name} is put behind it.',
  ),
  pushAuthorization: key(
    secret.prefault(''),
    'The Authorization header that the transmitter must send, such as "Bearer" and 32 random characters.',
    { kind: 'secret' },
  ),
})
