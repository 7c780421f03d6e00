import { EventEmitter, once } from 'node:events'
import type { Test } from 'tap'
import { Secret } from '../../../../src/config/secret.js'
import type { TopicMessage } from '../../../../src/sources/message/message.js'
import { type OpenWireSourceOptions, openWireSource } from '../../../../src/sources/realtime/openwire/source.js'
import type { RevocationSink } from '../../../../src/sources/source.js'

/** What a source delivered and said, for a test to wait on. */
export interface Listener {
  readonly messages: TopicMessage[]
  readonly states: string[]
  readonly details: string[]
  readonly malformed: string[]
  /** Resolves as soon as the condition holds; it is asked after everything that the source says. */
  until(condition: () => boolean): Promise<void>
  stop(): Promise<void>
}

export const TOPIC = 'tokenRevocation'

/** Runs a source as admin/admin at one port of loopback, until the test ends or stops it. */
export function listen(
  t: Test,
  port: number,
  { stored, ...options }: Partial<OpenWireSourceOptions> & Pick<RevocationSink, 'stored'> = {},
): Listener {
  const said = new EventEmitter()
  const listener = {
    messages: [] as TopicMessage[],
    states: [] as string[],
    details: [] as string[],
    malformed: [] as string[],
  }
  const abort = new AbortController()
  const sink: RevocationSink = {
    revoked: () => undefined,
    resync: () => undefined,
    ...(stored === undefined ? {} : { stored }),
    state: (status, detail) => {
      listener.states.push(status)
      if (detail !== undefined) listener.details.push(detail)
      said.emit('anything')
    },
  }
  const source = openWireSource({
    brokers: [{ host: '127.0.0.1', port, tls: false }],
    topic: TOPIC,
    username: 'admin',
    password: new Secret('admin'),
    backoff: { base: 20, max: 200 },
    onMessage: (message) => {
      listener.messages.push(message)
      said.emit('anything')
    },
    onMalformed: (error) => {
      listener.malformed.push(error.code)
      said.emit('anything')
    },
    ...options,
  })
  const running = source.run(sink, abort.signal)
  const stop = async () => {
    abort.abort()
    await running
  }
  t.teardown(stop)
  return {
    ...listener,
    stop,
    async until(condition) {
      while (!condition()) await once(said, 'anything')
    },
  }
}

/** As {@link listen}, once the subscription is live. */
export async function listenLive(t: Test, port: number, options?: Parameters<typeof listen>[2]): Promise<Listener> {
  const listener = listen(t, port, options)
  await listener.until(() => listener.states.includes('live'))
  return listener
}
