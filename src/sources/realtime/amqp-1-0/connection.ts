import type { Secret } from '../../../config/index.js'

/** What RabbitMQ's plugin calls a topic of its topic exchange. */
const RABBITMQ_PREFIX = '/topic/'

/**
 * The address of a topic at a broker, from the properties of its `open`. ActiveMQ makes a topic only of what has its
 * `topic-prefix`; a bare name would silently be a queue there. Others (Artemis) go by the link's capability.
 */
export function topicAddress(topic: string, remote: Readonly<Record<string, unknown>> | undefined): string {
  const announced = remote?.['topic-prefix']
  const prefix = typeof announced === 'string' ? announced : remote?.product === 'RabbitMQ' ? RABBITMQ_PREFIX : ''
  return topic.startsWith(prefix) ? topic : prefix + topic
}

/** SASL PLAIN (RFC 4616) as one of rhea's mechanisms: its own cuts names and passwords that are not ASCII. */
export function plain(username: string, password: Secret) {
  return {
    start: (done: (error: undefined, response: Buffer) => void) =>
      done(undefined, Buffer.from(`\0${username}\0${password.reveal()}`)),
  }
}
