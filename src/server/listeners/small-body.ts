import type { Readable } from 'node:stream'
import type { RequestHead } from '../../proxy/index.js'

export interface SmallBodyLimits {
  readonly maxBytes: number
  /** Milliseconds until the whole body must have arrived. */
  readonly timeout: number
}

/** Why a body was not read whole. The request can still be answered, unless the client has left. */
export type SmallBodyFailure = 'body-too-large' | 'body-too-slow' | 'client-left'

/** Reads a whole body into memory, a form for one. */
export async function readSmallBody(
  { headers }: Pick<RequestHead, 'headers'>,
  body: Readable,
  { maxBytes, timeout }: SmallBodyLimits,
): Promise<Buffer | SmallBodyFailure> {
  if (Number(headers['content-length'] ?? 0) > maxBytes) return 'body-too-large'
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const end = (outcome: Buffer | SmallBodyFailure) => {
      clearTimeout(timer)
      body.off('data', take) // with it, dropping the rest would buffer it
      resolve(outcome)
    }
    const take = (chunk: Buffer) => {
      length += chunk.length
      if (length <= maxBytes) chunks.push(chunk)
      else stop('body-too-large')
    }
    // Not destroyed: the answer has to go out first.
    const stop = (why: 'body-too-large' | 'body-too-slow') => {
      body.pause()
      end(why)
    }
    // The listener's own time-out restarts with every byte.
    const timer = setTimeout(stop, timeout, 'body-too-slow')
    body.on('data', take)
    // RST_STREAM with NO_ERROR ends an HTTP/2 body, too, wherever it was.
    body.on('end', () => end(body.closed ? 'client-left' : Buffer.concat(chunks)))
    body.on('error', () => end('client-left'))
    body.on('close', () => end('client-left'))
  })
}
