import { BrokerProtocolError, BrokerRefusal } from '../broker/broker.js'

/** Conditions that only an operator can end, by another password, right or topic. */
const REFUSALS = new Set([
  'amqp:unauthorized-access',
  'amqp:not-allowed',
  'amqp:not-found',
  'amqp:not-implemented',
  'amqp:invalid-field',
])

/**
 * Turns the error of an AMQP 1.0 `close`, `end` or `detach`, or of rhea, into one of ours: by its condition, and without
 * the broker's own words, which may name anything.
 */
export function toBrokerError(where: string, error: unknown): Error {
  const { condition, message } = Object(error) as Readonly<Record<string, unknown>>
  if (typeof condition === 'string' && REFUSALS.has(condition)) return new BrokerRefusal(`${where}: ${condition}`)
  const detail = [condition, message].find((part) => typeof part === 'string' && part !== '')
  return new BrokerProtocolError(detail === undefined ? where : `${where}: ${detail}`)
}
