import { describeTarget } from '../../logging/index.js'
import type { JsonObject } from '../../token/index.js'
import { isObject } from './read-set.js'
import type { TransmitterClient } from './transmitter-client.js'
import { TransmitterError } from './transmitter-error.js'
import { secureAs, type TransmitterMetadata } from './transmitter-metadata.js'

/** How SETs come: RFC 8935 or RFC 8936. */
export const PUSH = 'urn:ietf:rfc:8935'
export const POLL = 'urn:ietf:rfc:8936'

/** The stream that a receiver wants. */
export interface WantedStream {
  /** An existing one; absent: the one of this description, which is created if there is none. */
  readonly streamId: string | undefined
  readonly description: string
  readonly events: readonly string[]
  readonly delivery:
    | { readonly method: typeof POLL }
    | { readonly method: typeof PUSH; readonly endpointUrl: string; readonly authorization: string }
}

/** A stream as the transmitter has it (SSF 1.0 §8.1.1). */
export interface Stream {
  readonly id: string
  readonly audience: readonly string[]
  /** Where to poll; of a push stream, where it pushes to. */
  readonly endpointUrl: string
  /** Milliseconds that must pass between two requests for a verification event. */
  readonly minVerificationInterval: number
  /** Events that were asked for and are not delivered. */
  readonly missing: readonly string[]
}

/** Streams of a client that are looked at. */
const MAX_STREAMS = 100
/** Audiences of a stream that are taken. */
const MAX_AUDIENCES = 64
/** A transmitter's interval beyond this is no interval, s. */
const LONGEST_INTERVAL = 86_400

/**
 * The receiver's stream: the one that it has, brought to what is wanted, or a new one. A stream of another description is never
 * adopted: two gateways that poll one stream would each get a part of its events. Rejects with {@link TransmitterError}.
 */
export async function openStream(
  client: TransmitterClient,
  metadata: TransmitterMetadata,
  wanted: WantedStream,
  signal: AbortSignal,
): Promise<Stream> {
  const url = metadata.configurationEndpoint
  const existing = (await streamsAt(client, url, wanted.streamId, signal)).find((each) => isWanted(each, wanted))
  if (existing === undefined && wanted.streamId !== undefined) {
    throw new TransmitterError('stream', 'the transmitter has no stream of this streamId and delivery')
  }
  if (existing === undefined) return readStream(await created(client, url, wanted, signal), metadata, wanted)
  if (isAsWanted(existing, wanted)) return readStream(existing, metadata, wanted)
  const body = { stream_id: existing.stream_id, ...settings(wanted) }
  return readStream(await client.request({ url, method: 'PATCH', body, signal }), metadata, wanted)
}

/** The streams of a client; those with a `streamId` alone where one is given. */
export async function streamsAt(
  client: TransmitterClient,
  url: string,
  streamId: string | undefined,
  signal: AbortSignal,
): Promise<JsonObject[]> {
  const query = new URL(url)
  if (streamId !== undefined) query.searchParams.set('stream_id', streamId)
  try {
    const found = await client.request({ url: query.href, method: 'GET', signal })
    return (Array.isArray(found) ? found.slice(0, MAX_STREAMS) : [found]).filter(isObject)
  } catch (error) {
    if (error instanceof TransmitterError && error.status === 404) return []
    throw error
  }
}

function isWanted({ stream_id, description, delivery }: JsonObject, wanted: WantedStream): boolean {
  if (!isObject(delivery) || delivery.method !== wanted.delivery.method) return false
  return wanted.streamId === undefined ? description === wanted.description : stream_id === wanted.streamId
}

function isAsWanted({ events_requested: requested, delivery }: JsonObject, wanted: WantedStream): boolean {
  const events = Array.isArray(requested) ? requested : []
  if (!wanted.events.every((event) => events.includes(event))) return false
  // The transmitter may not show the header that it sends: it is set again at each start.
  return wanted.delivery.method === POLL && isObject(delivery)
}

function settings({ description, events, delivery }: WantedStream) {
  const where =
    delivery.method === POLL
      ? { method: POLL }
      : { method: PUSH, endpoint_url: delivery.endpointUrl, authorization_header: delivery.authorization }
  return { delivery: where, events_requested: events, description }
}

async function created(client: TransmitterClient, url: string, wanted: WantedStream, signal: AbortSignal) {
  try {
    return await client.request({ url, method: 'POST', body: settings(wanted), signal })
  } catch (error) {
    if (!(error instanceof TransmitterError) || error.status !== 409) throw error
    const message = `${describeTarget(url)}: this client has a stream of another description or delivery: name it in streamId, or give the gateway a client of its own`
    throw new TransmitterError('stream', message, { status: 409 })
  }
}

function readStream(value: unknown, { issuer }: TransmitterMetadata, wanted: WantedStream): Stream {
  if (!isObject(value) || !isObject(value.delivery)) throw malformed('no stream')
  const { stream_id: id, iss, aud, delivery, min_verification_interval: interval, events_delivered: delivered } = value
  if (typeof id !== 'string' || id === '') throw malformed('a stream without stream_id')
  if (iss !== undefined && iss !== issuer) throw malformed('a stream of another issuer')
  const audience = (Array.isArray(aud) ? aud : [aud]).filter((each) => typeof each === 'string')
  if (audience.length === 0) throw malformed('a stream without aud')
  if (value.delivery.method !== wanted.delivery.method) throw malformed('a stream of another delivery method')
  const events = Array.isArray(delivered) ? delivered : wanted.events
  return {
    id,
    audience: audience.slice(0, MAX_AUDIENCES),
    endpointUrl: secureAs(issuer, (delivery as JsonObject).endpoint_url, 'endpoint_url'),
    minVerificationInterval:
      typeof interval === 'number' ? 1000 * Math.min(Math.max(0, interval), LONGEST_INTERVAL) : 0,
    missing: wanted.events.filter((event) => !events.includes(event)),
  }
}

function malformed(what: string): TransmitterError {
  return new TransmitterError('answer', `the configuration endpoint of the transmitter answered ${what}`)
}

/** Whether a stream is enabled, by the transmitter's status endpoint; where there is none, it is. */
export async function streamIsEnabled(
  client: TransmitterClient,
  { statusEndpoint }: TransmitterMetadata,
  { id }: Stream,
  signal: AbortSignal,
): Promise<boolean> {
  if (statusEndpoint === undefined) return true
  const url = new URL(statusEndpoint)
  url.searchParams.set('stream_id', id)
  const answer = await client.request({ url: url.href, method: 'GET', signal })
  return !isObject(answer) || answer.status === undefined || answer.status === 'enabled'
}

/** Asks the transmitter to enable a stream; resolves to whether it has. */
export async function enableStream(
  client: TransmitterClient,
  { statusEndpoint }: TransmitterMetadata,
  { id }: Stream,
  signal: AbortSignal,
): Promise<boolean> {
  if (statusEndpoint === undefined) return false
  const body = { stream_id: id, status: 'enabled' }
  const answer = await client.request({ url: statusEndpoint, method: 'POST', body, signal })
  return isObject(answer) && answer.status === 'enabled'
}
