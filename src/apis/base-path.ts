/** Segments of plain characters: what a request's path may hold without an escape, and no braces or wildcards. */
const BASE_PATH = /^(?:\/[A-Za-z0-9\-._~!$&'()+,=:@]+)*$/
const DOT_SEGMENT = /\/\.\.?(?:\/|$)/

/**
 * Where the gateway serves an API: `{version}` stands for the API's version, one trailing slash means nothing, `/` is
 * the root, written as the empty text. `undefined` for what is no base path, or asks for a version that is not there.
 */
export function normalizeBasePath(text: string, version: string): string | undefined {
  if (version === '' && text.includes('{version}')) return undefined
  const path = text.replaceAll('{version}', version).replace(/\/$/, '')
  return BASE_PATH.test(path) && !DOT_SEGMENT.test(path) ? path : undefined
}
