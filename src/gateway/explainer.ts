import { type Match, RouteTable } from '../apis/index.js'
import { isRefused, JwksUnavailable, openAuthentication, type Refused } from '../auth/index.js'
import { createHttpClient, type HttpClient } from '../http-client/index.js'
import type { Logging } from '../logging/index.js'
import type { ListedName, ListedRecord, RevocationRecord } from '../revocation/index.js'
import { findOperation } from '../server/index.js'
import { readCredential, type TokenIdentity } from '../token/index.js'
import { readClientOptions } from './client-options.js'
import {
  authenticated,
  describe,
  type ExplainedRequest,
  type Explanation,
  forwarded,
  inAnswer,
  listKnown,
  NO_KEYS,
  revoked,
  routed,
  scoped,
  times,
} from './explanation.js'
import type { Inputs } from './inputs.js'
import type { Revocations } from './revocations.js'

/** What is listed about a token or a name. */
export interface LookedUp {
  readonly known: boolean
  readonly revoked: boolean
  readonly names?: readonly ListedName[]
  readonly records?: readonly ListedRecord[]
}

type Authentication = Awaited<ReturnType<typeof openAuthentication>>

/**
 * Says what the gateway does with a token, with an authenticator of its own: it asks issuers and key managers as a worker
 * would that has nothing cached. Made when it is first asked.
 */
export class Explainer {
  #inputs: Inputs
  readonly #revocations: Revocations
  readonly #logging: Logging
  #opened: Promise<{ authentication: Authentication; client: HttpClient }> | undefined
  #routes: RouteTable | undefined

  constructor(inputs: Inputs, revocations: Revocations, logging: Logging) {
    this.#inputs = inputs
    this.#revocations = revocations
    this.#logging = logging
  }

  async explain({ token, method, path }: ExplainedRequest): Promise<Explanation> {
    const { authentication } = await this.#open()
    const revocations = this.#revocations
    const now = Math.max(Date.now(), revocations.endedBefore)
    const examination = await authentication.examine(token, now)
    const outcome = await authenticate(authentication, token, now)
    const caller = isRefused(outcome) ? undefined : outcome
    const identities = caller === undefined ? this.#unverified(authentication, token, now) : [caller.identity]
    const names = identities.flatMap((identity) => revocations.explain(identity))
    const found = method === undefined || path === undefined ? undefined : this.#find(method, path)
    const match = found === undefined || 'fault' in found ? undefined : found
    const checks = [
      ...(found === undefined ? [] : [routed(found)]),
      listKnown(revocations),
      ...describe(examination),
      authenticated(outcome, match === undefined || match.resource.secured),
      ...(match === undefined || caller === undefined ? [] : scoped(match, caller.scopes)),
      ...(match === undefined ? [] : forwarded(match, caller)),
      revoked(identities, names, revocations),
    ]
    const refusal = checks.find((check) => check.refused !== undefined)?.refused
    const [identity] = identities
    return {
      verdict: refusal === undefined ? { accepted: true } : { accepted: false, ...inAnswer(refusal) },
      token: {
        ...(identity === undefined ? {} : { hash: identity.hash, ...times(identity) }),
        verified: caller !== undefined,
        ...(caller === undefined ? {} : { scopes: [...caller.scopes] }),
      },
      steps: checks.map(({ step, passed, detail }) => ({ step, passed, detail })),
      names,
    }
  }

  /** What is listed about a whole token; `undefined` if it is none. */
  async lookUpToken(token: string): Promise<LookedUp | undefined> {
    const { authentication } = await this.#open()
    const identities = this.#unverified(authentication, token, Date.now())
    if (identities.length === 0) return undefined
    const names = identities.flatMap((identity) => this.#revocations.explain(identity))
    return { known: this.#revocations.isKnown, revoked: names.some(({ revokes }) => revokes), names }
  }

  /** What is listed under a name: of the issuer that it names, or of any and of each that is configured. */
  async lookUp(record: RevocationRecord): Promise<LookedUp> {
    const { authentication } = await this.#open()
    const scoped =
      record.kind === 'issuer' || record.iss !== undefined
        ? [record]
        : [record, ...authentication.knownIssuers.map((iss) => ({ ...record, iss }))]
    const records = scoped.flatMap((one) => this.#revocations.listedUnder(one))
    return { known: this.#revocations.isKnown, revoked: records.length > 0, records }
  }

  /** Explains by other inputs from now on. */
  renew(inputs: Inputs): void {
    void this.#opened?.then(
      ({ client }) => client.close(), // what is asked on it ends
      () => undefined,
    )
    this.#inputs = inputs
    this.#opened = undefined
    this.#routes = undefined
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined)
    await opened?.client.destroy()
  }

  #open() {
    this.#opened ??= this.#create()
    return this.#opened
  }

  async #create() {
    const { config } = this.#inputs
    const client = createHttpClient(await readClientOptions(config))
    const { fingerprints } = this.#revocations
    const uncached = { ...config, caching: { ...config.caching, enabled: false } }
    const authentication = await openAuthentication(uncached, {
      client,
      fingerprints,
      logging: this.#logging,
      droppedBefore: () => this.#revocations.droppedBefore,
    })
    return { authentication, client }
  }

  #unverified({ authenticator }: Authentication, token: string, now: number): TokenIdentity[] {
    const credential = readCredential(token)
    return credential.kind === 'refused' ? [] : authenticator.identitiesOf(credential, now)
  }

  #find(method: string, path: string): Match | Refused {
    const { config, apis } = this.#inputs
    this.#routes ??= new RouteTable(apis)
    return findOperation(this.#routes, config.listenerConfig.maxUriLength, method, path)
  }
}

async function authenticate({ authenticator }: Authentication, token: string, now: number) {
  try {
    return await authenticator.authenticate(token, now)
  } catch (error) {
    if (error instanceof JwksUnavailable) return NO_KEYS
    throw error
  }
}
