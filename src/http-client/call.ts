import { type Dispatcher, errors } from 'undici'
import { describeTarget } from '../logging/index.js'

/** A call of our own to a key manager, an issuer or a store. */
export interface Call {
  readonly url: string
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  /** Milliseconds until the whole answer must be here. */
  readonly timeout: number
  /** Milliseconds without a byte of the answer, once it was asked for, after which it is given up. Default: `timeout`. */
  readonly idleTimeout?: number
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
  /** `ERR_CALL_TIMEOUT`: not the whole answer was here in time; `ERR_CALL_IDLE`: nothing came for `idleTimeout`. */
  readonly code: 'ERR_CALL' | 'ERR_CALL_TIMEOUT' | 'ERR_CALL_IDLE'
  /** Whether the other side may have got the request, and done what it asks for. */
  readonly sent: boolean

  constructor(message: string, { code = 'ERR_CALL', sent, ...options }: CallFailure) {
    super(message, options)
    this.code = code
    this.sent = sent
  }
}

interface CallFailure extends ErrorOptions {
  readonly code?: CallError['code']
  readonly sent: boolean
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
  const { timeout, idleTimeout = timeout } = request
  let sent = false
  const failed = (cause: unknown) => {
    const idle = isIdle(cause)
    if (deadline.aborted || (idle && idleTimeout === timeout)) {
      return new CallError(`${where} did not answer within ${timeout} ms`, { code: 'ERR_CALL_TIMEOUT', sent })
    }
    if (idle) return new CallError(`${where} sent nothing for ${idleTimeout} ms`, { code: 'ERR_CALL_IDLE', sent })
    return new CallError(`request to ${where} failed`, { cause, sent })
  }
  const observed = client.compose(
    beforeSending(() => {
      sent = true
    }),
  )
  try {
    const url = new URL(request.url)
    const { statusCode, headers, body } = await observed.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method ?? 'GET',
      headers: { ...request.headers },
      body: request.body ?? null,
      signal,
      headersTimeout: idleTimeout,
      bodyTimeout: idleTimeout,
    })
    return { status: statusCode, headers, body: bounded(body, request.maxBytes, where, failed) }
  } catch (cause) {
    throw failed(cause)
  }
}

/** Calls `onSending` once connected, right before the request is written. */
function beforeSending(onSending: () => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => {
    const start = handler.onRequestStart?.bind(handler)
    handler.onRequestStart = (controller, context) => {
      onSending()
      start?.(controller, context)
    }
    return dispatch(options, handler)
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
      if (length > maxBytes) throw new CallError(`${where} answered more than ${maxBytes} bytes`, { sent: true })
      yield chunk
    }
  } catch (cause) {
    throw cause instanceof CallError ? cause : failed(cause)
  }
}

function isIdle(error: unknown): boolean {
  return error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError
}

/** `Basic` credentials (RFC 7617). */
export function basicCredentials(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
