// A key manager in a process of its own that takes every spelling of an opaque token that has the same letters and digits.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** `revoke`: a token, in any spelling; without one the answer alone is wanted. It is how many questions there were so far. */
export interface KeyManagerOrder {
  readonly revoke?: string
}

const revoked = new Set<string>()
let asked = 0
const server = createServer(async (req, res) => {
  const token = new URLSearchParams(await text(req)).get('token') ?? ''
  asked++
  const exp = Math.floor(Date.now() / 1000) + 3_600
  const answer = revoked.has(known(token))
    ? { active: false }
    : { active: true, token_type: 'Bearer', client_id: 'c', exp }
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify(answer))
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('message', ({ revoke }: KeyManagerOrder) => {
  if (revoke !== undefined) revoked.add(known(revoke))
  process.send?.(asked)
})
process.on('disconnect', () => process.exit())

function known(token: string): string {
  return token.toLowerCase().replace(/[^a-z0-9]/g, '')
}
