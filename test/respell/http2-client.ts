import { Teardowns } from '../chaos/teardowns.js'
import * as h2 from '../support/http2-frames.js'

/** Of HTTP/1.1's framing: frames say the same. */
const OF_FRAMING = /^(?:host|connection|content-length|transfer-encoding|trailer)$/

/**
 * Sends a request that is written for HTTP/1.1 over HTTP/2: its lines as fields, whatever stands in them, on a connection of
 * its own. Resolves to the status; 400 if the stream is reset or the connection closed.
 */
export async function exchangeHttp2(port: number, bytes: string): Promise<number[]> {
  const t = new Teardowns()
  try {
    const raw = await h2.rawHttp2(t, port)
    const [head = '', body = ''] = split(bytes.replace(/^(?:\r?\n)+/, ''), /\r?\n\r?\n/)
    const [request = '', lines = ''] = split(head, /\r?\n/)
    const [method = '', path = ''] = request.split(' ')
    const fields: [string, string][] = [...h2.pseudo(path, method), ...fieldsOf(lines)]
    const trailer = /^0\r\n([\s\S]+)/.exec(body)?.[1]
    if (trailer !== undefined) raw.send(h2.headers(1, fields, false), h2.headers(1, fieldsOf(trailer)))
    else if (body !== '') raw.send(h2.headers(1, fields, false), h2.frame(h2.TYPE.data, h2.FLAG.endStream, 1, body))
    else raw.send(h2.headers(1, fields))
    const answer = await raw.answer(1)
    return [/^\d{3}$/.test(answer) ? Number(answer) : 400]
  } finally {
    await t.end()
  }
}

const FIELD_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/

/**
 * Whether each line of a request's head can be a field. nghttp2 drops one that cannot, and the gateway gets the rest: what is
 * left of a request with two credentials may be good.
 */
export function canBeFields(bytes: string): boolean {
  const [head = ''] = split(bytes.replace(/^(?:\r?\n)+/, ''), /\r?\n\r?\n/)
  return head
    .split(/\r?\n/)
    .slice(1)
    .every((line) => FIELD_LINE.test(line))
}

/** A line that begins with a blank, or has no colon, goes on with the field before it. */
function fieldsOf(lines: string): [string, string][] {
  const fields: [string, string][] = []
  for (const line of lines.split(/\r?\n/)) {
    const [name = '', value] = split(line, /:/)
    const last = fields.at(-1)
    if (line === '') continue
    if (value !== undefined && !/^[ \t]/.test(line)) fields.push([name.toLowerCase(), value.replace(/^ /, '')])
    else if (last !== undefined) last[1] += `\r\n${line}`
  }
  return fields.filter(([name]) => !OF_FRAMING.test(name))
}

/** What stands before the first match, and behind it. */
function split(text: string, by: RegExp): [string, string?] {
  const found = by.exec(text)
  return found === null ? [text] : [text.slice(0, found.index), text.slice(found.index + found[0].length)]
}
