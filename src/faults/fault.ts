/**
 * What a client is told instead of an upstream's answer. Immutable and made once: answering with one allocates nothing,
 * and nothing about the request can get into it. Why it was answered goes to the log, never to the client.
 */
export class Fault {
  readonly status: number
  /** WSO2's code; the HTTP status where WSO2 has none. */
  readonly code: number
  /** The JSON text of the body, to the letter. */
  readonly body: string
  /** Name, value, name, value ...: all but `server`, `date` and what concerns the connection. */
  readonly headers: readonly string[]

  constructor(status: number, code: number, body: string, headers: Readonly<Record<string, string>> = {}) {
    this.status = status
    this.code = code
    this.body = body
    this.headers = Object.freeze([
      'content-type',
      'application/json',
      'content-length',
      String(Buffer.byteLength(body)),
      ...Object.entries(headers).flat(),
    ])
    Object.freeze(this)
  }
}
