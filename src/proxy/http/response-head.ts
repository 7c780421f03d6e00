import type { Dispatcher } from 'undici'
import { responseHeaders } from '../headers.js'

/** The headers of the response that has just arrived, as the client gets them; see `responseHeaders`. */
export function rawHeadersOf(
  { rawHeaders }: Dispatcher.DispatchController,
  added: readonly string[] | undefined,
  ownCors: boolean | undefined,
): string[] {
  return Array.isArray(rawHeaders) ? responseHeaders(rawHeaders, added, ownCors) : []
}
