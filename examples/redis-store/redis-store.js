/*
 * Revoked tokens in Redis 6.2 or later: a custom store for mgw. See README.md beside it.
 */
import { createClient } from 'redis'

/** Milliseconds that a revocation is kept beyond its token's end: an hour, the largest `timestampSkew`, and 5 minutes for clocks. */
const KEEP_MARGIN = 65 * 60_000
/** Milliseconds that one is kept whose token's end is unknown. */
const RETENTION = 30 * 24 * 3_600_000
/** A server that says nothing for so long is given up. */
const SILENCE = 10_000
const KEYS_AT_ONCE = 1_000
const RULES = ['subject', 'client', 'session']

/**
 * Joins what is known with what is new, so that the later moments win in any order, and tells the gateways. Of an end that is known
 * and one that is not the one wins that is kept for longer.
 */
const PUT = `
  local record = cjson.decode(ARGV[1])
  local keep = tonumber(ARGV[2])
  local known = redis.call('GET', KEYS[1])
  local left = redis.call('PTTL', KEYS[1])
  if known then
    local read, old = pcall(cjson.decode, known)
    if not read or type(old) ~= 'table' then old = {} end
    if (old.revokedBefore or 0) > (record.revokedBefore or 0) then record.revokedBefore = old.revokedBefore end
    if old.expiresAt and record.expiresAt then
      record.expiresAt = math.max(old.expiresAt, record.expiresAt)
    elseif old.expiresAt then
      if old.expiresAt - tonumber(ARGV[3]) >= keep then record.expiresAt = old.expiresAt end
    elseif record.expiresAt and (left == -1 or left >= keep) then
      record.expiresAt = nil
    end
  end
  local value = cjson.encode(record)
  if known and left == -1 then
    redis.call('SET', KEYS[1], value)
  else
    redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', math.max(left, keep)))
  end
  redis.call('PUBLISH', KEYS[2], ARGV[1])`

/**
 * @param {{ endpointURL?: string, username?: string, password?: string, prefix?: string }} options
 *   the keys of `[tokenRevocationConfig.persistent]`
 */
export function createStore(options) {
  const { endpointURL = 'redis://127.0.0.1:6379', username, password, prefix = 'revoked:' } = options
  if (!/^rediss?:\/\//.test(endpointURL)) throw new Error('endpointURL must begin with redis:// or rediss://')
  const channel = `${prefix}changes`

  /** A client for one purpose, ended with it: there is no connection to look after in between. */
  function client(more = {}) {
    const made = createClient({
      url: endpointURL,
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...more,
      socket: { connectTimeout: SILENCE, socketTimeout: SILENCE, reconnectStrategy: false },
    })
    made.on('error', () => {}) // what is under way fails, too
    return made
  }

  async function* list(signal) {
    const redis = client()
    try {
      await redis.connect()
      // SCAN may bring a key twice, and brings each that is there all the time: all that a list needs.
      for await (const keys of redis.scanIterator({ MATCH: `${escaped(prefix)}*`, COUNT: KEYS_AT_ONCE })) {
        signal.throwIfAborted()
        if (keys.length === 0) continue
        const values = await redis.mGet(keys)
        for (const [n, key] of keys.entries()) {
          const record = values[n] == null ? undefined : recordOf(key.slice(prefix.length), values[n])
          if (record !== undefined) yield record
        }
      }
    } finally {
      redis.destroy()
    }
  }

  async function watch(sink, signal) {
    while (!signal.aborted) {
      const redis = client({ pingInterval: SILENCE / 3 })
      const lost = new Promise((_, reject) => redis.on('error', reject))
      lost.catch(() => {})
      try {
        await redis.connect()
        await redis.subscribe(channel, (message) => {
          const record = parsed(message)
          if (typeof record.kind === 'string') sink.revoked(record)
        })
        sink.state('live')
        sink.resync('subscribed: what was revoked before is in a listing that begins now')
        await Promise.race([lost, aborted(signal)])
      } catch (error) {
        if (signal.aborted) return
        sink.state('gap', error.message)
        await Promise.race([pause(500 + Math.random() * 500), aborted(signal)])
      } finally {
        redis.destroy()
      }
    }
  }

  async function put(record) {
    const now = Date.now()
    const left = record.expiresAt === undefined ? RETENTION : record.expiresAt + KEEP_MARGIN - now
    if (left <= 0) return
    const keys = [`${prefix}${keyOf(record)}`, channel]
    const values = [JSON.stringify(record), String(Math.ceil(left)), String(now)]
    const redis = client()
    try {
      await redis.connect()
      await redis.eval(PUT, { keys, arguments: values })
    } finally {
      redis.destroy()
    }
  }

  return { name: 'redis', keepsIssuers: true, list, watch, put }
}

/** `token:<id>`, `subject:<id>`, ...; `record:<JSON>` for one that names an issuer, or claims. */
function keyOf({ kind, id, iss, claims }) {
  if (iss === undefined && claims === undefined) return `${kind}:${id}`
  return `record:${JSON.stringify([kind, { id, iss, claims: claims && Object.entries(claims).sort() }])}`
}

/** The record that a key below the prefix names. An operator may set `token:<id>` to anything. */
function recordOf(rest, value) {
  if (rest.startsWith('record:')) return parsed(value)
  const colon = rest.indexOf(':')
  const kind = rest.slice(0, colon)
  const id = rest.slice(colon + 1)
  const { expiresAt, revokedBefore } = parsed(value)
  if (colon < 0 || id === '') return undefined
  if (kind === 'token') return { kind, id, expiresAt }
  return RULES.includes(kind) && revokedBefore > 0 ? { kind, id, revokedBefore, expiresAt } : undefined
}

/** An object that was written here; nothing for whatever else somebody has set. */
function parsed(text) {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function escaped(prefix) {
  return prefix.replace(/[\\*?[\]]/g, '\\$&')
}

function aborted(signal) {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', resolve, { once: true })
  })
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
