import t from 'tap'
import { recordsOf } from '../../../src/sources/ssf/records-of.js'
import type { Principal } from '../../../src/sources/ssf/subject.js'

const ISSUER = 'https://idp.example.com'
const AT = 1_790_000_000
const END = (AT + 1) * 1000
const ALWAYS = 8.64e15

t.test('what ends, as records of the issuer: up to and including the second, and a session for ever', async (t) => {
  const common = { iss: ISSUER, expiresAt: undefined }
  const session = (id: string) => ({ kind: 'session', id, revokedBefore: ALWAYS, ...common })
  const subject = (id: string) => ({ kind: 'subject', id, revokedBefore: END, ...common })
  const email = (value: string) => ({ kind: 'claims', claims: { mail: value }, revokedBefore: END, ...common })
  const rows: [who: Principal, records: unknown[]][] = [
    [{ kind: 'user', sub: 'alice' }, [subject('alice')]],
    [{ kind: 'session', sid: 's1' }, [session('s1')]],
    [{ kind: 'session or user', id: 'x' }, [session('x'), subject('x')]],
    [{ kind: 'token', jti: 'j' }, [{ kind: 'token', id: 'j', ...common }]],
    [{ kind: 'email', email: 'A@example.com' }, [email('A@example.com'), email('a@example.com')]],
    [{ kind: 'email', email: 'a@example.com' }, [email('a@example.com')]],
  ]
  for (const [who, records] of rows) t.strictSame(recordsOf({ who, at: AT }, ISSUER, 'mail'), records, who.kind)
})

t.test('a name that no record can have is refused', async (t) => {
  const long = 'x'.repeat(1_025)
  const all: Principal[] = [
    { kind: 'user', sub: long },
    { kind: 'session', sid: long },
    { kind: 'session or user', id: long },
    { kind: 'token', jti: long },
    { kind: 'email', email: long },
  ]
  for (const who of all) {
    t.throws(
      () => recordsOf({ who, at: AT }, ISSUER),
      { name: 'SetError', code: 'invalid_request', reason: 'too-long' },
      who.kind,
    )
  }
})
