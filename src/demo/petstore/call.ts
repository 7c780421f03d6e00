import type { IncomingMessage } from 'node:http'
import { type Reply, ReplyError, readBody } from '../http.js'

/** One request as an operation sees it. */
export interface Call {
  readonly request: IncomingMessage
  readonly query: URLSearchParams
  /** The path's variable segments, decoded, in order. */
  readonly segments: readonly string[]
}

/** An operation of the API: answers, or throws a {@link ReplyError}. */
export type Operation = (call: Call) => Reply | Promise<Reply>

export type JsonObject = Readonly<Record<string, unknown>>

const MAX_JSON_BYTES = 65_536

export function ok(body?: unknown): Reply {
  return { status: 200, body }
}

/** The petstore's ApiResponse, with which it reports success without a value, and every failure. */
export function apiResponse(code: number, message: string): Reply {
  return { status: code, body: { code, type: code < 400 ? 'unknown' : 'error', message } }
}

export function failure(code: number, message: string): ReplyError {
  return new ReplyError(apiResponse(code, message))
}

/** A positive id from the path. Throws a 400. */
export function idSegment(text: string | undefined): number {
  const id = Number(text)
  if (text === undefined || !/^\d{1,15}$/.test(text) || id === 0) throw failure(400, 'Invalid ID supplied')
  return id
}

/** The values of a query parameter that may be repeated, or hold several between commas. Throws a 400 without any. */
export function queryList(query: URLSearchParams, name: string): string[] {
  const values = query.getAll(name).flatMap((value) => value.split(','))
  if (values.length === 0 || values.includes('')) throw failure(400, `Invalid ${name} value`)
  return values
}

/** Reads a JSON object. Throws a 400 for anything else, a 413 for too much of it. */
export async function readObject(request: IncomingMessage): Promise<JsonObject> {
  return asObject(await readJson(request))
}

/** Reads a JSON array of objects. Throws as {@link readObject} does. */
export async function readObjects(request: IncomingMessage): Promise<JsonObject[]> {
  const value = await readJson(request)
  if (!Array.isArray(value)) throw failure(400, 'Invalid input')
  return value.map(asObject)
}

/** Reads a form's fields. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams((await readBody(request, MAX_JSON_BYTES)).toString('utf8'))
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request, MAX_JSON_BYTES)
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw failure(400, 'Invalid input')
  }
}

function asObject(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw failure(400, 'Invalid input')
  return value as JsonObject
}

/** A field that is text, if it is there. Throws a 400. */
export function textField(object: JsonObject, name: string): string | undefined {
  const value = object[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw failure(400, `Invalid ${name}`)
  return value
}

/** A field that is a whole number of at least `min`, if it is there. Throws a 400. */
export function integerField(object: JsonObject, name: string, min = 0): number | undefined {
  const value = object[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min) throw failure(400, `Invalid ${name}`)
  return value
}

/** Rows by key, in the order of their arrival, and no more of them than a demo needs. */
export class BoundedTable<Key, Row> {
  readonly #rows = new Map<Key, Row>()
  readonly #maxRows: number

  constructor(maxRows: number) {
    this.#maxRows = maxRows
  }

  get(key: Key): Row | undefined {
    return this.#rows.get(key)
  }

  /** Throws a {@link ReplyError} (507) when a row would be one too many. */
  set(key: Key, row: Row): void {
    if (this.#rows.size >= this.#maxRows && !this.#rows.has(key)) {
      throw new ReplyError({ status: 507, body: { code: 507, type: 'error', message: 'The store is full' } })
    }
    this.#rows.set(key, row)
  }

  delete(key: Key): boolean {
    return this.#rows.delete(key)
  }

  rows(): Row[] {
    return [...this.#rows.values()]
  }
}
