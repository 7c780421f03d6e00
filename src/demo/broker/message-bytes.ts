import rhea, { type Session } from 'rhea'

/** What a topic carries: a JMS TextMessage's text, or the flat fields of a MapMessage. */
export type MessageBody = string | Readonly<Record<string, string | number | boolean>>

/** String properties beside the body, as ActiveMQ's REST interface makes of a posted form. */
export type MessageProperties = Readonly<Record<string, string>>

const INT32_MAX = 0x7fff_ffff

/** Encodes a message, once for all subscribers. */
export function encodeMessage(body: MessageBody, properties?: MessageProperties): Buffer {
  return rhea.message.encode({
    creation_time: new Date(),
    body: typeof body === 'string' ? body : javaMap(body),
    ...(properties === undefined ? {} : { application_properties: { ...properties } }),
  })
}

/** Numbers typed as Java's clients type them (int, long, double): left alone, rhea would choose unsigned types. */
function javaMap(fields: Exclude<MessageBody, string>): Map<string, unknown> {
  return new Map(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'number' ? typed(value) : value]),
  )
}

function typed(value: number): { toRheaTyped(): unknown } {
  const { types } = rhea
  const wrapped = !Number.isInteger(value)
    ? types.wrap_double(value)
    : Math.abs(value) <= INT32_MAX
      ? types.wrap_int(value)
      : types.wrap_long(value)
  return { toRheaTyped: () => wrapped }
}

/** The part of rhea's session that its types leave out (its lib/session.js). */
interface SessionInternals {
  on_transfer(frame: { readonly performative: { message_format: number } }): void
}

/** Any format but 0, the only one that rhea reads. */
const UNDECODED = 1

/**
 * Has rhea deliver what peers publish as its bytes. They reach subscribers unchanged, and rhea's decoder, which
 * believes whatever length an array claims, never sees them.
 */
export function leaveUndecoded(session: Session): void {
  const internals = session as unknown as SessionInternals
  const original = internals.on_transfer
  internals.on_transfer = (frame) => {
    frame.performative.message_format = UNDECODED
    original.call(session, frame)
  }
}
