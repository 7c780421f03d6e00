import { isIP } from 'node:net'
import { z } from 'zod'
import { Secret } from '../secret.js'

/** Properties of a key beside its type. */
export interface KeyNote {
  /** The unit of a number, for people; a duration's (`ms`) need not be given. */
  readonly unit?: string
  /** `file` and `path` are resolved against the configuration file's directory; a `file` must also exist. */
  readonly kind?: 'file' | 'path' | 'secret'
}

/** The notes of every key of the schema, by its outermost schema. */
export const keyNotes = z.registry<KeyNote>()

/** Declares a key: its type with its default, and what it is for. */
export function key<S extends z.ZodType>(schema: S, description: string, note: KeyNote = {}): S {
  const unit = note.unit === undefined ? {} : { unit: note.unit }
  const described = schema.meta({ description, ...unit })
  keyNotes.add(described as z.ZodType, note)
  return described
}

/** A table of the file. Unknown keys are refused. */
export function table<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: 'must be a table' })
}

/** Milliseconds in each unit that a duration may be written with. */
const UNITS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION = /^(\d{1,15}(?:\.\d{1,6})?) ?(ms|s|m|h|d)?$/

/** The longest time that Node's timers can count: about 24.8 days. */
const LONGEST_TIMER = 2_147_483_647
const MAX_TEXT = 8_192

const TRUE_OR_FALSE = { error: 'must be true or false' }

/** `true` and `false`; also as strings, since `$env{NAME}` can only stand in a string. */
export const bool = z
  .union([z.boolean(), z.enum(['true', 'false'], TRUE_OR_FALSE)], TRUE_OR_FALSE)
  .transform((value) => value === true || value === 'true')

/** A whole number from `min` to `max`; also as a string of digits, since `$env{NAME}` can only stand in a string. */
export function int(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  const error = `must be a whole number ${range}`
  return z
    .union([z.int({ error }).min(min, error).max(max, error), z.string().regex(/^-?\d{1,16}$/, error)], { error })
    .transform(Number)
    .pipe(z.int({ error }).min(min, error).max(max, error))
}

/** A number from `min` to `max`; also as a string of digits, since `$env{NAME}` can only stand in a string. */
export function decimal(min: number, max: number) {
  const error = `must be a number from ${min} to ${max}`
  return z
    .union([z.number({ error }).min(min, error).max(max, error), z.string().regex(/^\d{1,9}(\.\d{1,9})?$/, error)], {
      error,
    })
    .transform(Number)
    .pipe(z.number({ error }).min(min, error).max(max, error))
}

const CODES = { error: 'must be HTTP status codes, 100 to 599, and at most 100 of them' }

/** HTTP status codes. */
export const statusCodes = z.array(int(100, 599), CODES).max(100, CODES).prefault([])

/** A TCP port; 0 takes any free one. */
export const port = int(0, 65_535)

/** A time: milliseconds, or a string with a unit (`"500ms"`, `"30s"`, `"5m"`, `"12h"`, `"30d"`). Gives milliseconds. */
export function duration(min = 0, max = LONGEST_TIMER) {
  const error = `must be a number with ms, s, m, h or d as in "30s" (without one: milliseconds), from ${inUnits(min)} to ${inUnits(max)}`
  const schema = z
    .union([z.int({ error }).min(min, error).max(max, error), z.string().regex(DURATION, error)], { error })
    .transform((value) => (typeof value === 'number' ? value : milliseconds(value)))
    .pipe(z.number({ error }).min(min, error).max(max, error))
    .meta({ unit: 'ms' })
  keyNotes.add(schema, { unit: 'ms' })
  return schema
}

function milliseconds(value: string): number {
  const [, count, unit] = DURATION.exec(value) ?? []
  return Math.round(Number(count) * (UNITS[unit ?? ''] ?? 1))
}

function inUnits(value: number): string {
  if (value === LONGEST_TIMER) return '24.8d'
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = UNITS[unit] ?? 1
    if (value >= size && value % size === 0) return `${value / size}${unit}`
  }
  return `${value}ms`
}

/** Any text of bounded length. */
export const text = z.string({ error: 'must be a string' }).max(MAX_TEXT, `must have at most ${MAX_TEXT} characters`)

/** Text that is not empty. */
export const someText = text.min(1, 'must not be empty')

/** Text that, when empty, counts as not given. */
export const optionalText = text.transform((value) => (value === '' ? undefined : value)).optional()

/** A password, a token, or another value that must not be printed. Empty: none. */
export const secret = text.transform((value) => new Secret(value))

/** One of some words, in any case. */
export function word<const Words extends readonly [string, ...string[]]>(words: Words) {
  const error = `must be one of ${words.map((each) => `"${each}"`).join(', ')}`
  const find = (value: string) => words.find((each) => each.toLowerCase() === value.toLowerCase())
  return z
    .string({ error })
    .refine((value) => find(value) !== undefined, error)
    .meta({ examples: [...words] })
    .transform((value): Words[number] => find(value) ?? words[0])
}

/** The name of an HTTP header field (RFC 9110, section 5.1). */
export const headerName = z
  .string({ error: 'must be the name of a header' })
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be the name of a header')

/** A host name or an IP address to listen on, without port, scheme or brackets. */
export const host = z
  .string({ error: 'must be a host name or an IP address' })
  .max(253, 'must be a host name or an IP address')
  .refine(
    (value) => isIP(value) !== 0 || /^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?$/.test(value),
    'must be a host name or an IP address, without port, scheme or brackets',
  )

const URL_ERROR = 'must be a URL that begins with http:// or https://, and holds no user name or password'

/** An `http` or `https` URL, as written. Credentials in it are refused: they would be printed with it. */
export const httpUrl = text.refine(isHttpUrl, URL_ERROR)

/** As {@link httpUrl}; empty counts as not given. */
export const optionalHttpUrl = text
  .refine((value) => value === '' || isHttpUrl(value), URL_ERROR)
  .transform((value) => (value === '' ? undefined : value))
  .optional()

function isHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, username, password } = new URL(value)
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === ''
}
