import { ProviderUrlError } from './error.js'

/** An option's name and value, in the order of the URL; names in lower case. */
export type Options = readonly (readonly [name: string, value: string])[]

/** What may follow a quote that closes. */
const AFTER_CLOSING = new Set(['&', ',', ';', "'", undefined])

/**
 * Reads the options of a Qpid connection URL or of a broker in it: `name='value'`, separated by `&` or `,`. Quotes nest,
 * as in `brokerlist='tcp://h?retries='5''`: one before `&`, `,`, `;`, `'` or the end closes, any other opens. A value without quotes is taken too, up to the next separator. `where` names the part in errors.
 */
export function parseQuotedOptions(text: string, where: string): Options {
  const options: [string, string][] = []
  let at = 0
  while (at < text.length) {
    const equals = text.indexOf('=', at)
    if (equals < 0) throw malformed(where, options.length, 'has no value')
    const name = text.slice(at, equals)
    if (!/^[A-Za-z][\w.-]*$/.test(name)) throw malformed(where, options.length, 'has no proper name')
    const end = text[equals + 1] === "'" ? closingQuote(text, equals + 1) : separator(text, equals + 1)
    if (end === undefined) throw malformed(where, options.length, 'has a quote that is not closed')
    const quoted = text[equals + 1] === "'"
    options.push([name.toLowerCase(), text.slice(equals + (quoted ? 2 : 1), end)])
    at = quoted ? end + 1 : end
    if (at < text.length && text[at] !== '&' && text[at] !== ',')
      throw malformed(where, options.length, 'is not separated')
    at++
  }
  return options
}

/** Splits at each `by` that stands outside quotes. */
export function splitOutsideQuotes(text: string, by: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "'") depth = Math.max(0, depth + step(text, at))
    if (depth > 0 || text[at] !== by) continue
    parts.push(text.slice(start, at))
    start = at + 1
  }
  return [...parts, text.slice(start)]
}

function closingQuote(text: string, opening: number): number | undefined {
  let depth = 1
  for (let at = opening + 1; at < text.length; at++) {
    if (text[at] !== "'") continue
    depth += step(text, at)
    if (depth === 0) return at
  }
  return undefined
}

function step(text: string, at: number): 1 | -1 {
  return AFTER_CLOSING.has(text[at + 1]) ? -1 : 1
}

function separator(text: string, from: number): number {
  const next = text.slice(from).search(/[&,]/)
  return next < 0 ? text.length : from + next
}

function malformed(where: string, index: number, what: string): ProviderUrlError {
  return new ProviderUrlError('ERR_PROVIDER_OPTION', `${where}: option ${index + 1} ${what}`)
}
