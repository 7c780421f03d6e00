/** A request as an upstream reads it. */
export interface ReadRequest {
  readonly method: string
  readonly target: string
  /** By lower-case name, `_` read as `-`; the values of a repeated header in their order. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: string
  /** Whether all of it has arrived. */
  readonly whole: boolean
}

/** How an upstream may read what it gets. Each is one that some server is known for. */
export interface Reading {
  readonly name: string
  /** What ends a line. */
  readonly lines: 'CRLF' | 'LF' | 'CR or LF'
  /** What counts if there is both a length and a transfer coding, or several lengths. */
  readonly framing: 'coding' | 'first length' | 'last length'
  /** Whether a length is ignored with a method that has no use for a body: then the body is read as the next request. */
  readonly ignoresBodies: boolean
  /** What `obs-fold` is: part of the value before it, or a header of its own. */
  readonly unfolds: boolean
}

const CODINGS: readonly Reading['framing'][] = ['coding', 'first length', 'last length']

export const READINGS: readonly Reading[] = (['CRLF', 'LF', 'CR or LF'] as const).flatMap((lines) =>
  CODINGS.flatMap((framing) =>
    [true, false].flatMap((ignoresBodies) =>
      [true, false].map((unfolds) => ({
        name: `lines end with ${lines}, ${framing} counts, ${ignoresBodies ? 'bodies of GET ignored' : 'all bodies read'}, ${unfolds ? 'folds joined' : 'folds not joined'}`,
        lines,
        framing,
        ignoresBodies,
        unfolds,
      })),
    ),
  ),
)

/** The reading of RFC 9112. */
export const STRICT: Reading = {
  name: 'RFC 9112',
  lines: 'CRLF',
  framing: 'coding',
  ignoresBodies: false,
  unfolds: true,
}

const LINE_ENDS = { CRLF: /\r\n/, LF: /\r?\n/, 'CR or LF': /\r\n|\r|\n/ } as const
const HEAD_ENDS = { CRLF: /\r\n\r\n/, LF: /\r?\n\r?\n/, 'CR or LF': /(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r|\n)/ } as const

/** Whether a method has a use for a body. */
export function expectsBody(method: string): boolean {
  return !/^(GET|HEAD|DELETE|OPTIONS|TRACE)$/.test(method)
}

/** The requests of a connection, up to one that is incomplete or closes it. */
export function readRequests(bytes: string, reading: Reading): ReadRequest[] {
  const requests: ReadRequest[] = []
  let rest = bytes
  while (rest !== '') {
    const end = HEAD_ENDS[reading.lines].exec(rest)
    if (end === null) {
      requests.push({ method: '', target: rest, headers: new Map(), body: '', whole: false })
      break
    }
    const { method, target, headers } = readHead(rest.slice(0, end.index), reading)
    rest = rest.slice(end.index + end[0].length)
    const { body, length } = readBody(method, headers, rest, reading)
    requests.push({ method, target, headers, body, whole: length !== undefined })
    if (length === undefined || /close/i.test((headers.get('connection') ?? []).join())) break
    rest = rest.slice(length)
  }
  return requests
}

function readHead(head: string, { lines, unfolds }: Reading): Pick<ReadRequest, 'method' | 'target' | 'headers'> {
  const unfolded = unfolds ? head.replace(/(\r\n|\r|\n)[ \t]+/g, ' ') : head
  const [first = '', ...fields] = unfolded.split(LINE_ENDS[lines])
  const [method = '', target = ''] = first.split(/\s+/)
  const headers = new Map<string, string[]>()
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field
      .slice(0, colon)
      .replace(/[\s\0]/g, '')
      .toLowerCase()
      .replaceAll('_', '-')
    headers.set(name, [...(headers.get(name) ?? []), field.slice(colon + 1).trim()])
  }
  return { method, target, headers }
}

/** A body, and how many bytes it takes; `undefined`: more are to come. */
function readBody(
  method: string,
  headers: ReadRequest['headers'],
  rest: string,
  reading: Reading,
): { body: string; length: number | undefined } {
  if (reading.ignoresBodies && !expectsBody(method)) return { body: '', length: 0 }
  const lengths = (headers.get('content-length') ?? []).flatMap((value) => value.split(','))
  const isChunked = /chunked/i.test((headers.get('transfer-encoding') ?? []).join())
  if (isChunked && (reading.framing === 'coding' || lengths.length === 0)) return readChunks(rest, reading)
  const length = Number.parseInt((reading.framing === 'last length' ? lengths.at(-1) : lengths[0]) ?? '0', 10)
  return { body: rest.slice(0, length), length: rest.length < length ? undefined : length }
}

function readChunks(rest: string, { lines }: Reading): { body: string; length: number | undefined } {
  let [body, at] = ['', 0]
  for (;;) {
    const end = LINE_ENDS[lines].exec(rest.slice(at))
    if (end === null) return { body, length: undefined }
    const size = Number.parseInt(rest.slice(at, at + end.index), 16)
    at += end.index + end[0].length
    if (!(size > 0)) {
      if (/^(\r\n|\n|\r)/.test(rest.slice(at))) return { body, length: at + (rest.startsWith('\r\n', at) ? 2 : 1) }
      const last = HEAD_ENDS[lines].exec(rest.slice(at))
      return { body, length: last === null ? undefined : at + last.index + last[0].length }
    }
    if (rest.length < at + size) return { body, length: undefined }
    body += rest.slice(at, at + size)
    at += size
    at += LINE_ENDS[lines].exec(rest.slice(at, at + 2))?.[0].length ?? 0
  }
}
