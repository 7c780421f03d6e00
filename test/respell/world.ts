import type { Teardowns } from '../chaos/teardowns.js'
import { ALGORITHMS, type Issued } from '../support/issuer.js'
import { BY, type By, issuingWorld } from '../support/issuing-world.js'

export interface World {
  /** Of the HTTP listener. */
  readonly port: number
  /** Of the HTTPS listener. */
  readonly securePort: number
  /**
   * Tokens of each algorithm, one a way to revoke it; those that are revoked by signature or as a whole also without a jti,
   * and one whose signature begins with a zero byte, which some verifiers do without.
   */
  readonly revocable: readonly { readonly by: By; readonly issued: Issued }[]
  /** A token of each algorithm that nobody revokes. */
  readonly controls: readonly Issued[]
  /** The paths that have reached the upstream, as the client wrote them but for the base path. */
  readonly reached: Set<string>
  revoke(by: By, issued: Issued): Promise<void>
}

/** A gateway in a process of its own, between raw clients and an upstream that answers 200 to whatever reaches it. */
export async function openWorld(t: Pick<Teardowns, 'teardown'>, workers: number): Promise<World> {
  const reached = new Set<string>()
  const world = await issuingWorld(t, {
    workers,
    upstream: (req, res) => {
      req.resume()
      reached.add((req.url ?? '').replace('/up', ''))
      res.end('{"ok":true}')
    },
  })
  const issue = (by: By, jti = true) =>
    Promise.all(ALGORITHMS.map(async (alg) => ({ by, issued: await world.issue(alg, { jti }) })))
  const sets = await Promise.all([...BY.map((by) => issue(by)), issue('signature', false), issue('token', false)])
  let zero: Issued
  do zero = await world.issue('PS256', { jti: false })
  while (Buffer.from(zero.jwt.split('.')[2] ?? '', 'base64url')[0] !== 0)
  return {
    port: Number(new URL(world.gateway.http).port),
    securePort: Number(new URL(world.gateway.https).port),
    revocable: [...sets.flat(), { by: 'signature', issued: zero }],
    controls: await Promise.all(ALGORITHMS.map((alg) => world.issue(alg))),
    reached,
    revoke: world.revoke,
  }
}
