/** A URL as people may see it: no user information, no query. */
export function describeTarget(url: string): string {
  if (!URL.canParse(url)) return 'an invalid URL'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
