import type { TopicMessage } from '../../message/index.js'
import { decodeAmqpMap } from './amqp-map.js'
import { decodeJmsMap } from './jms-map.js'

/** A message as amqplib delivers it, as far as it matters here. */
export interface Delivery {
  readonly content: Buffer
  readonly properties: {
    readonly contentType?: unknown
    readonly headers?: Readonly<Record<string, unknown>> | undefined
  }
}

/** Bodies that hold serialised objects, streams or lists: never opened. */
const CLOSED_TYPE = /^(application\/(java-object-stream|x-java-serialized-object)|jms\/stream-message|amqp\/list)$/
const TEXT_TYPE = /^(text\/|application\/json\b)/

/** Reads a delivery by its content type; without one it is bytes. Headers are its properties. Throws WireFormatError. */
export function decodeMessage({ content, properties }: Delivery): TopicMessage {
  const type = typeof properties.contentType === 'string' ? properties.contentType.toLowerCase() : ''
  const headers = properties.headers ?? {}
  return { ...toBody(type, content), properties: new Map(Object.entries(headers)) }
}

function toBody(type: string, content: Buffer): TopicMessage {
  if (content.length === 0) return {}
  if (type === 'amqp/map') return { map: decodeAmqpMap(content) }
  if (type === 'jms/map-message') return { map: decodeJmsMap(content) }
  if (TEXT_TYPE.test(type)) return { text: content.toString('utf8') }
  return CLOSED_TYPE.test(type) ? {} : { bytes: content }
}
