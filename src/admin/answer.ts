/** An answer of the admin listener. */
export interface AdminAnswer {
  readonly status: number
  /** An object is sent as JSON, a string as it is. */
  readonly body?: object | string
  readonly headers?: Readonly<Record<string, string>>
}

export function badRequest(problem: string): AdminAnswer {
  return { status: 400, body: { error: 'Bad Request', problem } }
}

export function methodNotAllowed(allow: string): AdminAnswer {
  return { status: 405, body: { error: 'Method Not Allowed' }, headers: { allow } }
}
