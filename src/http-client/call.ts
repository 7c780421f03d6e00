import type { Dispatcher } from 'undici'

/** A call of our own to a key manager, an issuer or a store. */
export interface Call {
  readonly url: string
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Milliseconds until the whole answer must be here. */
  readonly timeout: number
  /** Bytes that the answer's body may have. */
  readonly maxBytes: number
  readonly signal?: AbortSignal
}

export interface Answer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** A call that brought no answer: refused, timed out, or too large. Its message names the host, never credentials. */
export class CallError extends Error {
  override readonly name = 'CallError'
}

/** Makes a call and reads its whole answer, whatever its status. Throws {@link CallError}. Follows no redirect. */
export async function call(client: Dispatcher, request: Call): Promise<Answer> {
  const { status, headers, body } = await openCall(client, request)
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return { status, headers, body: Buffer.concat(chunks) }
}

/** As {@link call}, but the body comes as it arrives; reading it throws {@link CallError} past `maxBytes` or the time-out. */
export async function openCall(
  client: Dispatcher,
  request: Call,
): Promise<{ status: number; headers: Answer['headers']; body: AsyncIterable<Buffer> }> {
  const where = describeTarget(request.url)
  const deadline = AbortSignal.timeout(request.timeout)
  const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal])
  const failed = (cause: unknown) =>
    new CallError(
      deadline.aborted ? `${where} did not answer within ${request.timeout} ms` : `${where} could not be called`,
      { cause: deadline.aborted ? undefined : cause },
    )
  try {
    const url = new URL(request.url)
    const { statusCode, headers, body } = await client.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method ?? 'GET',
      headers: { ...request.headers },
      body: request.body ?? null,
      signal,
      headersTimeout: request.timeout,
      bodyTimeout: request.timeout,
    })
    return { status: statusCode, headers, body: bounded(body, request.maxBytes, where, failed) }
  } catch (cause) {
    throw failed(cause)
  }
}

async function* bounded(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
  where: string,
  failed: (cause: unknown) => CallError,
): AsyncIterable<Buffer> {
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.length
      if (length > maxBytes) throw new CallError(`${where} answered more than ${maxBytes} bytes`)
      yield chunk
    }
  } catch (cause) {
    throw cause instanceof CallError ? cause : failed(cause)
  }
}

/** `Basic` credentials (RFC 7617). */
export function basicCredentials(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** A URL as people may see it: no user information, no query. */
export function describeTarget(url: string): string {
  if (!URL.canParse(url)) return 'an invalid URL'
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
