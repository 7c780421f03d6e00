import { type IncomingMessage, type RequestListener, request as requestHttp, type ServerResponse } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Test } from 'tap'

/** An upstream of responses that never end: `/events` as server-sent events, anything else as a download of 1 TB. */
export class EndlessUpstream {
  readonly #open = new Map<string, ServerResponse>()
  readonly #waiting = new Map<string, () => void>()

  readonly listener: RequestListener = (req, res) => {
    const name = new URL(req.url ?? '', 'http://upstream').searchParams.get('name') ?? ''
    const events = req.url?.includes('/events') === true
    res.writeHead(200, events ? { 'content-type': 'text/event-stream' } : { 'content-length': 1e12 })
    res.write(events ? 'data: first\n\n' : 'first')
    this.#open.set(name, res)
    res.on('close', () => {
      this.#open.delete(name)
      this.#waiting.get(name)?.()
    })
  }

  /** Sends some more on an open response. */
  write(name: string, text: string): void {
    this.#open.get(name)?.write(text)
  }

  /** Resolves when the request of that name has been aborted. */
  aborted(name: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.has(name)) this.#waiting.set(name, resolve)
      else resolve()
    })
  }
}

/** A response that a client reads, and has begun to get. */
export interface Stream {
  readonly name: string
  /** Resolves when it is over: how, and when (`performance.now()`). */
  readonly over: Promise<{ readonly end: 'clean' | 'error'; readonly code: string | undefined; readonly at: number }>
  /** All that has come. */
  text(): string
  /** Resolves when a text has come that is new. */
  came(text: string): Promise<void>
}

let streams = 0

/** Opens a stream on a connection of its own; resolves when its first bytes are there. */
export async function openStream(
  t: Pick<Test, 'teardown'>,
  origin: string,
  path: string,
  token: string,
): Promise<Stream> {
  const name = `stream-${++streams}`
  const request = origin.startsWith('https') ? requestHttps : requestHttp
  const headers = { authorization: `Bearer ${token}` }
  const req = request(`${origin}${path}?name=${name}`, { agent: false, rejectUnauthorized: false, headers })
  t.teardown(() => req.destroy())
  req.end()
  const res = await new Promise<IncomingMessage>((resolve, reject) => req.on('response', resolve).on('error', reject))
  if (res.statusCode !== 200) throw new Error(`the stream was answered ${res.statusCode}`)
  let text = ''
  let changed: () => void = () => undefined
  res.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
    changed()
  })
  let code: string | undefined
  res.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code
  })
  const over: Stream['over'] = new Promise((resolve) =>
    res.on('close', () => resolve({ end: res.complete ? 'clean' : 'error', code, at: performance.now() })),
  )
  const came = async (expected: string) => {
    while (!text.includes(expected)) {
      await new Promise<void>((resolve) => {
        changed = resolve
      })
    }
  }
  await came('first')
  return { name, over, text: () => text, came }
}
