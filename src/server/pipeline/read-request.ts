import type { Refused } from '../../auth/index.js'
import { faults } from '../../faults/index.js'
import type { RequestHead } from '../../proxy/index.js'
import { readUrl } from './find-operation.js'
import type { Target } from './path.js'

/** What a request asks for; refuses one that is larger than it may be, or that can be read in two ways. */
export function readRequest(req: RequestHead, maxUriLength: number, maxBodyBytes: number): Target | Refused {
  const target = readUrl(req.url ?? '', maxUriLength)
  if ('fault' in target) return target
  if (Number(req.headers['content-length'] ?? 0) > maxBodyBytes) return BODY_TOO_LARGE
  if (!isPlainlyFramed(req)) return TRANSFER_ENCODING
  return target
}

const BODY_TOO_LARGE: Refused = { fault: faults.entityTooLarge, reason: 'body-too-large' }
const TRANSFER_ENCODING: Refused = { fault: faults.badRequest, reason: 'transfer-encoding' }

/** Whether a body has no other coding than `chunked`, which nobody would undo; HTTP/1.0 has none (RFC 9112 §6.1). */
function isPlainlyFramed({ headers, httpVersion }: RequestHead): boolean {
  const coding = headers['transfer-encoding']
  return coding === undefined || (coding.toLowerCase() === 'chunked' && httpVersion !== '1.0')
}
