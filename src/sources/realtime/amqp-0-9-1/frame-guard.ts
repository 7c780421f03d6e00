import type { Channel } from 'amqplib'

/** The longest body that is taken in (bytes). */
export const MAX_CONTENT_LENGTH = 256 * 1024

/** What amqplib passes to a channel: a method, the header of a message, or a piece of its body. */
interface Frame {
  /** The length that a header announces. */
  readonly size?: number
  readonly content?: Buffer
}

/**
 * Makes `channel` pass over bodies longer than {@link MAX_CONTENT_LENGTH}: amqplib would gather whatever length a
 * publisher's message announces. `tooLong` is called right before such a message is delivered without its body.
 */
export function limitContent(channel: Channel, tooLong: () => void): void {
  const inner = channel as unknown as { accept(frame: Frame): unknown }
  const accept = inner.accept
  let toSkip = 0
  const guarded = (frame: Frame): unknown => {
    if (toSkip > 0 && frame.content !== undefined) {
      toSkip -= frame.content.length
      return undefined
    }
    toSkip = 0
    if (frame.size === undefined || frame.size <= MAX_CONTENT_LENGTH) return accept.call(channel, frame)
    toSkip = frame.size
    tooLong()
    return accept.call(channel, { ...frame, size: 0 })
  }
  inner.accept = guarded
}
