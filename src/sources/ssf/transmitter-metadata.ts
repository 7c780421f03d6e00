import { describeTarget } from '../../logging/index.js'
import { isObject } from './read-set.js'
import { TransmitterError } from './transmitter-error.js'

/** What a transmitter publishes of itself (SSF 1.0 §7.1), as far as a receiver needs it. */
export interface TransmitterMetadata {
  readonly issuer: string
  /** Absent: its keys are known by other means. */
  readonly jwksUri: string | undefined
  readonly configurationEndpoint: string
  readonly statusEndpoint: string | undefined
  readonly verificationEndpoint: string | undefined
  readonly criticalMembers: readonly string[]
  /** A new stream is about nobody until subjects are added to it (`default_subjects`). */
  readonly startsEmpty: boolean
}

/** What it means that a stream starts empty, for people. */
export const NO_SUBJECTS =
  'by default the transmitter sends events about added subjects alone (default_subjects is NONE): add the users to the stream there, or change the default for this client'

const WELL_KNOWN = '/.well-known/ssf-configuration'
/** Names in `critical_subject_members` that are taken. */
const MAX_CRITICAL = 32

/**
 * Where an issuer's metadata is: the well-known path before the path of the issuer (SSF 1.0 §7.2), and then behind it, where
 * Keycloak and others have it as OpenID Connect does.
 */
export function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [...new Set([`${origin}${WELL_KNOWN}${path}`, `${origin}${path}${WELL_KNOWN}`])]
}

/**
 * Reads the metadata of `issuer`. Throws {@link TransmitterError} if it is another's, if an endpoint that is needed is missing,
 * or if one would be reached without TLS although the issuer is reached with it.
 */
export function readMetadata(value: unknown, issuer: string): TransmitterMetadata {
  if (!isObject(value)) throw new TransmitterError('metadata', 'the metadata of the transmitter is no JSON object')
  if (value.issuer !== issuer) {
    throw new TransmitterError('metadata', `the metadata names another issuer than ${describeTarget(issuer)}`)
  }
  const configurationEndpoint = endpoint(value, 'configuration_endpoint', issuer)
  if (configurationEndpoint === undefined) {
    throw new TransmitterError('metadata', 'the transmitter has no configuration_endpoint')
  }
  const critical = Array.isArray(value.critical_subject_members) ? value.critical_subject_members : []
  return {
    issuer,
    jwksUri: endpoint(value, 'jwks_uri', issuer),
    configurationEndpoint,
    statusEndpoint: endpoint(value, 'status_endpoint', issuer),
    verificationEndpoint: endpoint(value, 'verification_endpoint', issuer),
    criticalMembers: critical.filter((each) => typeof each === 'string').slice(0, MAX_CRITICAL),
    startsEmpty: value.default_subjects === 'NONE',
  }
}

function endpoint(metadata: Readonly<Record<string, unknown>>, name: string, issuer: string): string | undefined {
  const url = metadata[name]
  return url === undefined ? undefined : secureAs(issuer, url, name)
}

/**
 * The URL that a transmitter names, if credentials and events are as safe there as at the issuer's. Throws
 * {@link TransmitterError}.
 */
export function secureAs(issuer: string, url: unknown, name: string): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  const { protocol } = parsed ?? {}
  if (typeof url !== 'string' || (protocol !== 'https:' && protocol !== 'http:')) {
    throw new TransmitterError('metadata', `${name} of the transmitter is no http or https URL`)
  }
  if (protocol === 'http:' && new URL(issuer).protocol === 'https:') {
    throw new TransmitterError('metadata', `${name} of the transmitter would be called without TLS`)
  }
  return url
}
