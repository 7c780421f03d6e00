import type { LineOutput } from '../logging/index.js'
import type { Asker, RevocationRecord } from '../revocation/index.js'
import type { ObservedRequest, Outcome, RequestObserver } from '../server/index.js'
import { nameHash } from './name-hash.js'

/** Writes, a JSON object a line, which revocations were learnt and which requests were refused, or cut. Names are hashed. */
export class AuditLog implements RequestObserver {
  readonly #output: LineOutput

  constructor(output: LineOutput) {
    this.#output = output
  }

  /** A revocation is new in the list, or revokes more than before, or somebody asks for it here. */
  learnt(record: RevocationRecord, source: string, asker?: Asker): void {
    const { kind, expiresAt, iss } = record
    this.#write({
      event: 'revocation',
      kind,
      name: nameHash(record),
      issuer: iss ?? undefined,
      source,
      revokedBefore: kind === 'token' ? undefined : iso(record.revokedBefore),
      expiresAt: iso(expiresAt),
      via: asker?.via,
      client: asker?.client,
      requestId: asker?.requestId,
    })
  }

  over(request: ObservedRequest, { status, reason, isRefused, isCut }: Outcome): void {
    if (!isRefused && isCut !== true) return
    const { req, client, requestId, traceId, api, match, token, revocation } = request
    this.#write({
      event: isRefused ? 'refusal' : 'cut',
      reason,
      status,
      client,
      method: req.method ?? '',
      api: api?.name,
      resource: match?.resource.fullTemplate,
      requestId,
      traceId,
      token: token?.hash,
      by: revocation?.by,
      source: revocation?.source,
      learnt: iso(revocation?.learntAt),
    })
  }

  /** Lines could not be written. */
  lost(lines: number): void {
    this.#write({ event: 'lines lost', lines })
  }

  #write(fields: Readonly<Record<string, unknown>>): void {
    this.#output.write(`${JSON.stringify({ time: new Date().toISOString(), ...fields })}\n`)
  }
}

/** Beyond this no `Date` exists. */
const LAST_INSTANT = 8.64e15

function iso(moment: number | undefined): string | undefined {
  return moment === undefined || !(moment <= LAST_INSTANT) ? undefined : new Date(moment).toISOString()
}
