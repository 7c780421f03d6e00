/**
 * A message of a broker's topic, freed of its protocol: whichever of the parts the message had.
 * Every length in it has been bounded by the protocol's reader.
 */
export interface TopicMessage {
  /** The entries of a map body, whatever its encoding was. */
  readonly map?: ReadonlyMap<string, unknown>
  /** A text body. */
  readonly text?: string
  /** A body of bytes that says nothing about what they are. */
  readonly bytes?: Buffer
  /** Application properties (JMS properties, AMQP headers). */
  readonly properties?: ReadonlyMap<string, unknown>
}
