import { randomBytes } from 'node:crypto'

/** Characters of the longest id that is taken from somebody else: no signed JWT is that short. */
const MAX_LENGTH = 64
const ID = /^[\w.~:@/+=-]+$/
const PREFIX = `${randomBytes(5).toString('hex')}-${process.pid.toString(36)}`
let made = 0

/** Makes a request's id, unique among all gateways: a random part for each process, its pid and a count. */
export function makeRequestId(): string {
  return `${PREFIX}-${(++made).toString(36)}`
}

/** The id that a request came with (`X-Request-ID`), if it can be one: short, and of letters, digits and `_.~:@/+=-`. */
export function readRequestId(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value.length <= MAX_LENGTH && ID.test(value) ? value : undefined
}
