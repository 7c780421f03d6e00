import type { Secret } from '../../../config/index.js'

/** SASL PLAIN (RFC 4616) as one of rhea's mechanisms: its own cuts names and passwords that are not ASCII. */
export function plain(username: string, password: Secret) {
  return {
    start: (done: (error: undefined, response: Buffer) => void) =>
      done(undefined, Buffer.from(`\0${username}\0${password.reveal()}`)),
  }
}
