/** How other servers start to talk, or answer what they don't understand. */
const GREETINGS: readonly (readonly [greeting: Buffer, name: string])[] = [
  [Buffer.from('AMQP\x00\x00\x09\x01', 'latin1'), 'AMQP 0-9-1'],
  [Buffer.from('AMQP\x01\x01\x00\x0a', 'latin1'), 'AMQP 0-10'],
  [Buffer.from('AMQP\x00\x01\x00\x00', 'latin1'), 'AMQP 1.0'],
  [Buffer.from('AMQP\x02\x01\x00\x00', 'latin1'), 'AMQP 1.0 (TLS)'],
  [Buffer.from('AMQP\x03\x01\x00\x00', 'latin1'), 'AMQP 1.0 (SASL)'],
  [Buffer.from('AMQP'), 'AMQP'],
  [Buffer.from('HTTP/'), 'HTTP'],
  [Buffer.from('SSH-'), 'SSH'],
  [Buffer.from('ERROR'), 'STOMP'],
  [Buffer.from('CONNECTED'), 'STOMP'],
  [Buffer.from([0x15, 0x03]), 'TLS'],
  [Buffer.from([0x16, 0x03]), 'TLS'],
]

/** The protocol that these first bytes of a server belong to; `undefined` when they are of none that we know. */
export function foreignProtocol(start: Buffer): string | undefined {
  return GREETINGS.find(([greeting]) => start.subarray(0, greeting.length).equals(greeting))?.[1]
}
