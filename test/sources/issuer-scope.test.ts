import t from 'tap'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { storeOf, topicOf } from '../../src/sources/issuer-scope.js'
import type { PersistentStore, RevocationSink } from '../../src/sources/source.js'

const A = 'https://a.example'
const B = 'https://b.example'
const token = (iss?: string | null): RevocationRecord => ({
  kind: 'token',
  id: 'j',
  ...(iss === undefined ? {} : { iss }),
  expiresAt: undefined,
})
const never = new AbortController().signal

function recording() {
  const issuers: unknown[] = []
  const sink: RevocationSink = { revoked: ({ iss }) => issuers.push(iss), state: () => {}, resync: () => {} }
  return { issuers, sink }
}

t.test('what a topic says of no issuer is about its own; what it says of another, or of any, stays so', async (t) => {
  const { issuers, sink } = recording()
  const topic = topicOf(A, {
    name: 'topic',
    async run(inner) {
      for (const record of [token(), token(B), token(null)]) inner.revoked(record)
    },
  })
  await topic.run(sink, never)
  t.equal(topic.name, 'topic')
  t.strictSame(issuers, [A, B, null])
})

class Store implements PersistentStore {
  readonly name = 'store'
  readonly taken: RevocationRecord[] = []
  readonly #records = [token(), token(B), token(null)]
  async *list() {
    yield* this.#records
  }
  async *catchUp() {
    yield* this.#records
  }
  async watch(sink: RevocationSink) {
    for (const record of this.#records) sink.revoked(record)
  }
  async put(record: RevocationRecord) {
    this.taken.push(record)
  }
}

t.test('the same of what a store lists, catches up with and watches', async (t) => {
  const store = storeOf(A, new Store())
  const read = async (records: AsyncIterable<RevocationRecord> | undefined) => {
    const issuers: unknown[] = []
    for await (const { iss } of records ?? []) issuers.push(iss)
    return issuers
  }
  t.strictSame(await read(store.list(never)), [A, B, null])
  t.strictSame(await read(store.catchUp?.(null, () => {}, never)), [A, B, null])
  const { issuers, sink } = recording()
  await store.watch?.(sink, never)
  t.strictSame(issuers, [A, B, null])
})

t.test('what is put is read back as it was meant', async (t) => {
  const inner = new Store()
  const store = storeOf(A, inner)
  const times = { revokedBefore: 1, expiresAt: undefined }
  const records: RevocationRecord[] = [token(A), token(B), token(null), token(), { kind: 'issuer', iss: A, ...times }]
  for (const record of records) await store.put?.(record)
  t.strictSame(
    inner.taken.map(({ iss }) => iss),
    [undefined, B, null, null, A],
  )
})

t.test('a store that cannot do more cannot do more as one issuer’s', async (t) => {
  const list: PersistentStore['list'] = async function* () {}
  const store = storeOf(A, { name: 'store', list })
  t.strictSame(Object.keys(store).sort(), ['list', 'name'])
})
