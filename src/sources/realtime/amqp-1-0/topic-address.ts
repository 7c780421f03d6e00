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
