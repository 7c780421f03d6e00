import { BrokerProtocolError, BrokerRefusal } from '../broker.js'

/** Conditions that only an operator can end, by another password, right or topic. */
const REFUSALS = new Set([
  'amqp:unauthorized-access',
  'amqp:not-allowed',
  'amqp:not-found',
  'amqp:not-implemented',
  'amqp:invalid-field',
])
const MAX_DESCRIPTION = 200

/** Turns the error of an AMQP 1.0 `close`, `end` or `detach`, or of rhea, into one of ours, without its baggage. */
export function toBrokerError(where: string, error: unknown): Error {
  const { condition, description, message } = Object(error) as Readonly<Record<string, unknown>>
  const name = typeof condition === 'string' ? condition : undefined
  const text = [description, message].find((part) => typeof part === 'string' && part !== '') as string | undefined
  const full = [where, name, text?.slice(0, MAX_DESCRIPTION)].filter((part) => part !== undefined).join(': ')
  return name !== undefined && REFUSALS.has(name) ? new BrokerRefusal(full) : new BrokerProtocolError(full)
}
