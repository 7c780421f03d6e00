import { responseHeaders } from '../../proxy/index.js'
import type { TokenIdentity } from '../../token/index.js'
import type { KeyManagerEndpoint } from '../key-manager/endpoints.js'
import type { RevokeEndpoint } from '../key-manager/revoke-endpoint.js'
import type { Exchange } from './exchange.js'

/** Forwards a request to the key manager as it came. `identities` has the token's, where one is required. */
export function forwardToKeyManager(
  exchange: Exchange,
  { origin, path }: KeyManagerEndpoint,
  identities: readonly TokenIdentity[],
): void {
  const { target, responseHeaders, ownCors } = exchange
  const headers = exchange.upstreamHeaders(NOTHING)
  const upstream = { target: { origin, path: path + target.query }, headers, responseHeaders, ownCors }
  exchange.forward(upstream, identities, target.path)
}

/** Has the key manager revoke a token, and answers once the gateway has entered it into its list. */
export function revokeAtKeyManager(
  exchange: Exchange,
  { origin, path }: KeyManagerEndpoint,
  revoke: RevokeEndpoint | undefined,
): void {
  revoke?.answer(exchange, origin + path, exchange.target.query).then(
    (outcome) =>
      exchange.guard(() => {
        if (outcome.kind === 'fault') exchange.refuse(outcome.fault, outcome.reason)
        else {
          const { responseHeaders: own, ownCors } = exchange
          exchange.answer(outcome.status, responseHeaders(outcome.headers, own, ownCors), outcome.body, 'revocation')
        }
      }),
    (error) => exchange.fail(error),
  )
}

const NOTHING: ReadonlySet<string> = new Set()
