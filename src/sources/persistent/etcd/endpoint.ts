import { StoreError } from '../../source.js'

/** Which etcd a configuration means: its API, its servers, and where in it the revoked tokens are. */
export interface EtcdEndpoint {
  readonly api: 'v2' | 'v3'
  /** `http://host:port` or `https://host:port` of each server; at least one, all of one scheme. */
  readonly servers: readonly string[]
  /** Ends in a slash and starts with none: `jti/`. What follows it in a key is the token's id. */
  readonly prefix: string
}

/** Where the seed's page and WSO2 keep revoked tokens. */
const DEFAULT_PREFIX = 'jti/'
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i
const EXAMPLE = 'for example "http://127.0.0.1:2379/v3/keys/jti/" (or /v2/keys/jti/ for its v2 API)'

/**
 * Reads `endpointURL` of an etcd: one URL, or several separated by commas.
 * `/v2/keys/<directory>` means the v2 API, `/v3/keys/<prefix>` or a bare host the v3 one, and a bare host the prefix
 * `jti/`. Servers that name no path have that of the others, and those without a scheme that of the first that has one;
 * where none has, it is `http://`.
 * Throws {@link StoreError} `ERR_STORE_CONFIG`, with the remedy and without what was written there.
 */
export function etcdEndpoint(endpointUrl: string): EtcdEndpoint {
  const written = endpointUrl
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const scheme = written.map((part) => SCHEME.exec(part)?.[0]).find((found) => found !== undefined) ?? 'http://'
  const urls = written.map((part) => parseServer(SCHEME.test(part) ? part : scheme + part))
  const first = urls[0]
  if (first === undefined) throw wrong(`is missing: write ${EXAMPLE}`)
  if (urls.some((url) => url.protocol !== first.protocol)) throw wrong('mixes http and https servers: use one of them')
  const places = urls.map(place).filter((found) => found !== undefined)
  const [named = { api: 'v3', prefix: DEFAULT_PREFIX } as const] = places
  if (places.some(({ api, prefix }) => api !== named.api || prefix !== named.prefix)) {
    throw wrong('names servers with different paths: give all of them the same one')
  }
  return { ...named, servers: [...new Set(urls.map((url) => url.origin))] }
}

function parseServer(written: string): URL {
  if (!URL.canParse(written)) throw wrong(`is not a URL: write ${EXAMPLE}`)
  const url = new URL(written)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw wrong(`has an unknown scheme: write ${EXAMPLE}`)
  if (url.username !== '' || url.password !== '') {
    throw wrong('holds credentials: move them to the keys username and password')
  }
  return url
}

/** The API and the prefix that a path names; `undefined` for a bare host. */
function place(url: URL): Pick<EtcdEndpoint, 'api' | 'prefix'> | undefined {
  const path = decodePath(url.pathname)
  if (/^\/*$/.test(path)) return undefined
  const match = /^\/+(v[23])\/+keys(?:\/+(.*))?$/.exec(path)
  if (match === null) throw wrong(`has a path other than /v2/keys or /v3/keys: write ${EXAMPLE}`)
  const prefix = (match[2] ?? '').replace(/\/+$/, '')
  if (prefix === '') {
    throw wrong(`names all of etcd's keys: add the prefix under which the revoked tokens are, ${EXAMPLE}`)
  }
  return { api: match[1] === 'v2' ? 'v2' : 'v3', prefix: `${prefix}/` }
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw wrong('has an invalid % escape in its path')
  }
}

function wrong(what: string): StoreError {
  return new StoreError('ERR_STORE_CONFIG', `endpointURL of the etcd store ${what}`)
}
