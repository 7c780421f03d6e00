import type { IncomingMessage } from 'node:http'
import type { RevocationRecord } from '../revocation/index.js'
import { type AdminAnswer, badRequest } from './answer.js'
import { type ProtectedOptions, readProtected } from './protected.js'
import { type ExplainRequest, readExplainRequest, readLookupRequest } from './revocation-request.js'

/** What an operator may ask about tokens. The answers hold no part of a token. */
export interface QuestionsOptions {
  /** What is listed about a whole token; `undefined` if it is none. */
  readonly lookUpToken: (token: string) => Promise<object | undefined>
  /** What is listed under a name. */
  readonly lookUp: (record: RevocationRecord) => Promise<object>
  readonly explain: (request: ExplainRequest) => Promise<object>
}

/** `POST /revocations/lookup`: whether a token, or tokens of a name, are revoked, from which source and since when. */
export async function answerLookup(
  req: IncomingMessage,
  access: ProtectedOptions,
  { lookUp, lookUpToken }: QuestionsOptions,
): Promise<AdminAnswer> {
  const text = await readProtected(req, access)
  if (typeof text !== 'string') return text
  const read = readLookupRequest(text, Date.now())
  if ('problem' in read) return badRequest(read.problem)
  const body = 'token' in read ? await lookUpToken(read.token) : await lookUp(read.record)
  return body === undefined ? badRequest('token cannot be read: no gateway accepts it') : { status: 200, body }
}

/** `POST /explain`: what becomes of a request with a token, and why. */
export async function answerExplain(
  req: IncomingMessage,
  access: ProtectedOptions,
  { explain }: QuestionsOptions,
): Promise<AdminAnswer> {
  const text = await readProtected(req, access)
  if (typeof text !== 'string') return text
  const read = readExplainRequest(text)
  return 'problem' in read ? badRequest(read.problem) : { status: 200, body: await explain(read) }
}
