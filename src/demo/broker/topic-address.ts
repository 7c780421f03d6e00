const TOPIC_ADDRESS = /^topic:\/\/([\w.\-/]{1,255})$/

/** The topic that an address names as ActiveMQ has them (`topic://NAME`); `undefined` for whatever else came. */
export function topicOf(address: unknown): string | undefined {
  return typeof address === 'string' ? TOPIC_ADDRESS.exec(address)?.[1] : undefined
}
