import type { IncomingMessage } from 'node:http'
import { type AdminAnswer, badRequest } from './answer.js'
import { readJsonObject } from './json-object.js'
import { type ProtectedOptions, readProtected } from './protected.js'

/** Milliseconds after which a reload that is still under way is answered with 202: workers may drain for long. */
const ANSWERED_WITHIN = 20_000
const UNDER_WAY: AdminAnswer = { status: 202, body: { underWay: true } }

/** Reads the configuration again and has it served; with `workers`, all workers are replaced. Never rejects. */
export type Reload = (workers: boolean) => Promise<{ readonly succeeded: boolean }>

/**
 * `POST /reload`, with `{}` or `{"workers": true}`: 200 it is served; 422 nothing has changed, or not in every worker; 202 it is
 * still under way, and `/status` has the outcome when it is over.
 *
 * @param answeredWithin milliseconds
 */
export async function answerReload(
  req: IncomingMessage,
  access: ProtectedOptions,
  reload: Reload,
  answeredWithin = ANSWERED_WITHIN,
): Promise<AdminAnswer> {
  const text = await readProtected(req, access)
  if (typeof text !== 'string') return text
  const body = readJsonObject(text)
  const { workers = false, ...others } = body ?? {}
  if (body === undefined || typeof workers !== 'boolean' || Object.keys(others).length > 0) {
    return badRequest('the body must be a JSON object; its only member is workers, true or false')
  }
  const reloaded = reload(workers).then(
    (outcome): AdminAnswer => ({ status: outcome.succeeded ? 200 : 422, body: outcome }),
  )
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<AdminAnswer>((resolve) => {
    timer = setTimeout(() => resolve(UNDER_WAY), answeredWithin)
  })
  return Promise.race([reloaded, late]).finally(() => clearTimeout(timer))
}
