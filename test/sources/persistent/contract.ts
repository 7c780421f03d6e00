import type { Test } from 'tap'
import type { RevocationRecord, TokenRevocation } from '../../../src/revocation/record.js'
import type { PersistentStore, RevocationSink, SourceStatus } from '../../../src/sources/source.js'

/** A store, and the ways around it that the contract needs. */
export interface StoreUnderTest {
  readonly store: PersistentStore
  /** Revokes a token as somebody else does: another gateway, an operator, a key manager. */
  revoke(id: string): Promise<void>
  /** Takes it out again, as a lease's end or an operator does; absent where nobody can. */
  remove?(id: string): Promise<void>
}

/** Ids that a store must keep as they are: what people use as a jti, and what they should not. */
const IDS = ['ba27d2d2-0e30-4fa0-acec-2f9f1ad88900', 'a b', 'a+b', '50%', 'a%2Fb', 'a?b#c', 'ü-ö', 'x'.repeat(342)]

/** What every store promises, whatever is behind it. `make` starts an empty one. */
export function testContract(t: Test, make: (t: Test) => Promise<StoreUnderTest>): void {
  t.test('an empty store lists nothing', async (t) => {
    const { store } = await make(t)
    t.strictSame(await listed(store), [])
  })

  t.test('what others revoked is listed, id for id, and again', async (t) => {
    const { store, revoke } = await make(t)
    for (const id of IDS) await revoke(id)
    t.strictSame(await idsOf(store), [...IDS].sort())
    t.strictSame(await idsOf(store), [...IDS].sort())
  })

  t.test('a listing stops when its consumer or its caller does', async (t) => {
    const { store, revoke } = await make(t)
    await revoke('one')
    await revoke('two')
    for await (const record of store.list(new AbortController().signal)) {
      t.match(record.id, /one|two/)
      break
    }
    const caller = new AbortController()
    caller.abort(new Error('shutting down'))
    await t.rejects(collect(store, caller.signal), { message: 'shutting down' })
    t.equal((await listed(store)).length, 2, 'and the next one works')
  })

  t.test('what is put is listed, by another gateway too, and putting it again changes nothing', async (t) => {
    const { store, revoke } = await make(t)
    if (store.put === undefined) return void t.pass('this store is written by others only')
    await revoke('theirs')
    const expiresAt = Date.now() + 3_600_000
    const records: RevocationRecord[] = [
      ...[...IDS, '_hidden', 'a/b', 'a//b/', '../up', '.', '/', '_a/_b'].map((id) => token(id, expiresAt)),
      token('unknown end', undefined),
      { kind: 'subject', id: 'alice@example.com', revokedBefore: 1_628_175_421_481, expiresAt: undefined },
      { kind: 'client', id: '../_x/é', revokedBefore: 1_628_175_421_481, expiresAt },
      { kind: 'session', id: '_s', revokedBefore: 1_628_175_421_481, expiresAt },
      { kind: 'token', id: '_a/_b', iss: 'https://a.example/x', expiresAt },
      { kind: 'token', id: '_a/_b', iss: null, expiresAt },
      { kind: 'subject', id: 'alice@example.com', iss: '_a', revokedBefore: 1_628_175_421_481, expiresAt },
      { kind: 'issuer', iss: 'https://a.example/x', revokedBefore: 1_628_175_421_481, expiresAt },
      { kind: 'claims', claims: { 'act.sub': '7', tenant: 'a/b' }, revokedBefore: 1_628_175_421_481, expiresAt },
      { kind: 'claims', claims: { tenant: '_' }, iss: '_a', revokedBefore: 1_628_175_421_481, expiresAt },
    ]
    for (const record of records) await store.put(record)
    for (const record of records) await store.put(record)
    await store.put(token('theirs', expiresAt))
    const found = await listed(store)
    t.strictSame(sorted(found.filter(({ id }) => id !== 'theirs')), sorted(records))
    t.ok(found.some(({ id }) => id === 'theirs'))
  })

  t.test('of two puts the later moments win, in any order', async (t) => {
    const { store } = await make(t)
    if (store.put === undefined) return void t.pass('this store is written by others only')
    const soon = Date.now() + 600_000
    const late = soon + 600_000
    const year = Date.now() + 365 * 86_400_000
    const ends: Record<string, [(number | undefined)[], number | undefined]> = {
      up: [[soon, late], late],
      down: [[late, soon], late],
      'an unknown end lasts for longer': [[undefined, late, undefined], undefined],
      'and was told later': [[late, undefined], undefined],
      'a known one lasts for longer': [[undefined, year, undefined], year],
      'and was told first': [[year, undefined], year],
    }
    for (const [id, [told]] of Object.entries(ends)) {
      for (const expiresAt of told) await store.put(token(id, expiresAt))
    }
    for (const revokedBefore of [2e12, 3e12, 1e12]) {
      await store.put({ kind: 'subject', id: 'bob', revokedBefore, expiresAt: undefined })
    }
    const rules: [number, number | undefined][] = [
      [3e12, late],
      [1e12, year],
      [2e12, undefined],
    ]
    for (const [n, id] of ['carol', 'dave', 'erin'].entries())
      for (const [revokedBefore, expiresAt] of [...rules.slice(n), ...rules.slice(0, n)])
        await store.put({ kind: 'subject', id, revokedBefore, expiresAt })
    const found = await listed(store)
    t.strictSame(
      sorted(found),
      sorted([
        ...Object.entries(ends).map(([id, [, expiresAt]]) => token(id, expiresAt)),
        { kind: 'subject', id: 'bob', revokedBefore: 3e12, expiresAt: undefined },
        ...['carol', 'dave', 'erin'].map(
          (id) => ({ kind: 'subject', id, revokedBefore: 3e12, expiresAt: year }) as const,
        ),
      ]),
    )
  })

  t.test('a watch delivers what others revoke and what is put, and nothing for what is taken out', async (t) => {
    const { store, revoke, remove } = await make(t)
    const watch = startWatch(t, store)
    if (watch === undefined) return void t.pass('this store has nothing to watch')
    await revoke('before')
    await watch.until(() => watch.states.includes('live'))
    for (const id of IDS) await revoke(id)
    await watch.until(() => IDS.every((id) => watch.ids.has(id)))
    const before = watch.records.length
    for (const id of IDS) await remove?.(id)
    await store.put?.(token('own', undefined))
    await revoke('last')
    await watch.until(() => watch.ids.has('last') && (store.put === undefined || watch.ids.has('own')))
    t.ok(watch.records.length <= before + 2, 'a deletion is no record')
    await watch.stop()
  })

  t.test('what is revoked while a watch and a listing begin is in one of them', async (t) => {
    const { store, revoke } = await make(t)
    const known = new Set<string>()
    let revoking = true
    const revoked: string[] = []
    const others = (async () => {
      for (let n = 0; revoking; n++) {
        await revoke(`r${n}`)
        revoked.push(`r${n}`)
      }
    })()
    const list = async () => {
      for (const record of await listed(store)) known.add(record.id ?? '')
    }
    const watch = startWatch(t, store)
    await list()
    await watch?.until(() => watch.states.includes('live'))
    revoking = false
    await others
    await revoke('end')
    await watch?.until(() => watch.ids.has('end'))
    if (watch === undefined || watch.resyncs.length > 0) await list()
    for (const id of watch?.ids ?? []) known.add(id)
    t.strictSame(
      revoked.filter((id) => !known.has(id)),
      [],
    )
    await watch?.stop()
  })
}

/** What a watch has delivered so far. */
export interface RunningWatch {
  readonly records: readonly RevocationRecord[]
  readonly ids: ReadonlySet<string>
  /** Its changes: the store is listed after each `gap`, and at each `live` but the first. */
  readonly states: readonly SourceStatus[]
  readonly details: readonly string[]
  readonly resyncs: readonly string[]
  /** Resolves once it holds; looks whenever the watch delivers anything. */
  until(holds: () => boolean): Promise<void>
  /** Ends the watch, and resolves when it has ended. */
  stop(): Promise<void>
}

/** Runs the store's watch until the test ends; `undefined` if it has none. */
export function startWatch(t: Test, store: PersistentStore): RunningWatch | undefined {
  if (store.watch === undefined) return undefined
  const records: RevocationRecord[] = []
  const ids = new Set<string>()
  const states: SourceStatus[] = []
  const details: string[] = []
  const resyncs: string[] = []
  const waiting = new Set<() => void>()
  const look = () => {
    for (const check of waiting) check()
  }
  const sink: RevocationSink = {
    revoked(record) {
      records.push(record)
      ids.add(record.id ?? '')
      look()
    },
    state(status, detail = '') {
      if (status === states.at(-1)) return
      states.push(status)
      details.push(detail)
      look()
    },
    resync(reason) {
      resyncs.push(reason)
      look()
    },
  }
  const stopped = new AbortController()
  const running = store.watch(sink, stopped.signal)
  const stop = async () => {
    stopped.abort()
    await running
  }
  t.teardown(stop)
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!holds()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  return { records, ids, states, details, resyncs, until, stop }
}

export function token(id: string, expiresAt: number | undefined): TokenRevocation {
  return { kind: 'token', id, expiresAt }
}

export async function listed(store: PersistentStore): Promise<RevocationRecord[]> {
  return collect(store, new AbortController().signal)
}

export async function idsOf(store: PersistentStore): Promise<string[]> {
  return (await listed(store)).map(({ id }) => id ?? '').sort()
}

/** What a promise is rejected with. */
export async function failure(attempt: Promise<unknown>): Promise<unknown> {
  try {
    await attempt
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

async function collect(store: PersistentStore, signal: AbortSignal): Promise<RevocationRecord[]> {
  const records: RevocationRecord[] = []
  for await (const record of store.list(signal)) records.push(record)
  return records
}

function sorted(records: readonly RevocationRecord[]): RevocationRecord[] {
  const key = ({ kind, id, iss, ...rest }: RevocationRecord) =>
    `${kind} ${id} ${iss === undefined ? '' : JSON.stringify(iss)} ${'claims' in rest ? Object.keys(rest.claims).length : ''}`
  return [...records].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}
