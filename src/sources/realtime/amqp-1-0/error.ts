import { ALLOW_TOPIC, CORRECT_TOPIC, loginRejected } from '../../remedies.js'
import { BrokerProtocolError, BrokerRefusal } from '../broker/broker.js'

/** Conditions that only an operator can end, by another password, right or topic. */
const REFUSALS = new Set([
  'amqp:unauthorized-access',
  'amqp:not-allowed',
  'amqp:not-found',
  'amqp:not-implemented',
  'amqp:invalid-field',
])

/** What a connection's own errors are named by. */
export const CONNECTION_REFUSED = 'connection refused'
const UNAUTHORIZED = 'amqp:unauthorized-access'

/**
 * Turns the error of an AMQP 1.0 `close`, `end` or `detach`, or of rhea, into one of ours: by its condition, and without
 * the broker's own words, which may name anything.
 *
 * @param where what was refused: a connection that is for want of authorization has the wrong login
 */
export function toBrokerError(where: string, error: unknown): Error {
  const { condition, message } = Object(error) as Readonly<Record<string, unknown>>
  if (typeof condition === 'string' && REFUSALS.has(condition)) {
    if (condition === UNAUTHORIZED && where === CONNECTION_REFUSED) {
      return new BrokerRefusal(`${loginRejected('the broker', 'realtime')} (${condition})`)
    }
    const remedy = condition === UNAUTHORIZED ? ALLOW_TOPIC : condition === 'amqp:not-found' ? CORRECT_TOPIC : undefined
    return new BrokerRefusal(`${where}: ${condition}${remedy === undefined ? '' : `: ${remedy}`}`)
  }
  const detail = [condition, message].find((part) => typeof part === 'string' && part !== '')
  return new BrokerProtocolError(detail === undefined ? where : `${where}: ${detail}`)
}
