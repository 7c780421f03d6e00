export interface Target {
  readonly kind: 'target'
  readonly path: string
  readonly query: string
}
export interface PathRefusal {
  readonly kind: 'refused'
  readonly reason: string
}
export function readTarget(url: string): Target | PathRefusal {
  const q = url.indexOf('?')
  const path = q < 0 ? url : url.slice(0, q)
  if (!path.startsWith('/') || /%2f|%5c|\\|\/\/|;|%00|\/\.\.?(\/|$)|%2e/i.test(path))
    return { kind: 'refused', reason: 'path' }
  return { kind: 'target', path, query: q < 0 ? '' : url.slice(q) }
}
