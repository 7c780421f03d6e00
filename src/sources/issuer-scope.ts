import type { RevocationRecord } from '../revocation/index.js'
import type { PersistentStore, RealtimeSource, RevocationSink } from './source.js'

/** A topic that speaks for one issuer: what it says of no issuer in particular is about that one's tokens. */
export function topicOf(issuer: string, topic: RealtimeSource): RealtimeSource {
  return {
    name: topic.name,
    run: (sink, signal) => topic.run(sinkOf(issuer, sink), signal),
    ...(topic.malformed === undefined ? {} : { malformed: () => topic.malformed?.() }),
  }
}

/** A store that speaks for one issuer. What is put to it says so where it is about others. */
export function storeOf(issuer: string, store: PersistentStore): PersistentStore {
  const { watch, position, catchUp, put, takes, malformed, close } = store
  return {
    name: store.name,
    list: (signal, context) => scoped(issuer, store.list(signal, context)),
    ...(watch && { watch: (sink, signal) => watch.call(store, sinkOf(issuer, sink), signal) }),
    ...(position && { position: () => position.call(store) }),
    ...(catchUp && {
      catchUp: (from, heard, signal) => scoped(issuer, catchUp.call(store, from, heard, signal)),
    }),
    ...(put && { put: (record) => put.call(store, written(issuer, record)) }),
    ...(takes && { takes: (record) => takes.call(store, written(issuer, record)) }),
    ...(malformed && { malformed: () => malformed.call(store) }),
    ...(close && { close: () => close.call(store) }),
  }
}

async function* scoped(issuer: string, records: AsyncIterable<RevocationRecord>): AsyncGenerator<RevocationRecord> {
  for await (const record of records) yield read(issuer, record)
}

function sinkOf(issuer: string, sink: RevocationSink): RevocationSink {
  return { ...sink, revoked: (record, publishedAt) => sink.revoked(read(issuer, record), publishedAt) }
}

function read(issuer: string, record: RevocationRecord): RevocationRecord {
  return record.iss === undefined ? { ...record, iss: issuer } : record
}

function written(issuer: string, record: RevocationRecord): RevocationRecord {
  if (record.kind === 'issuer') return record
  if (record.iss === undefined) return { ...record, iss: null }
  return record.iss === issuer ? { ...record, iss: undefined } : record
}
