/** Milliseconds after which a write counts as lost; it may have been made all the same. */
const PUT_LIMIT = 10_000
/** A frozen etcd compacts nothing; the fault that waits for it must not outlast its time by much. */
const COMPACTION_LIMIT = 500

interface Answer {
  readonly header: { readonly revision: string }
  readonly kvs?: readonly { readonly key: string }[]
}

/** Writes to an etcd v3 by its JSON gateway: no client of ours, and none of the gateways' links. */
export class EtcdWriter {
  readonly #url: string
  #revision = 0

  constructor(url: string) {
    this.#url = url
  }

  /** Resolves to whether etcd acknowledged it. */
  async put(key: string, value: string): Promise<boolean> {
    const answer = await this.#call('put', { key: base64(key), value: base64(value) })
    if (answer === undefined) return false
    this.#revision = Math.max(this.#revision, Number(answer.header.revision))
    return true
  }

  /** What etcd holds under a prefix, without it: writes that it made and did not acknowledge, too. */
  async held(prefix: string): Promise<string[]> {
    const end = Buffer.from(prefix)
    end[end.length - 1] = (end.at(-1) ?? 0) + 1
    const range = { key: base64(prefix), range_end: end.toString('base64'), keys_only: true }
    const answer = await this.#call('range', range)
    if (answer === undefined) throw new Error('etcd could not be read when all was over')
    return (answer.kvs ?? []).map(({ key }) => Buffer.from(key, 'base64').toString().slice(prefix.length))
  }

  /** Drops the history up to the latest write: a watch that was away cannot go on where it was. */
  async compact(): Promise<boolean> {
    if (this.#revision === 0) return false
    return (await this.#call('compaction', { revision: String(this.#revision), physical: true })) !== undefined
  }

  async #call(method: 'put' | 'range' | 'compaction', body: object): Promise<Answer | undefined> {
    try {
      const answer = await fetch(`${this.#url}/v3/kv/${method}`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(method === 'compaction' ? COMPACTION_LIMIT : PUT_LIMIT),
      })
      const text = await answer.text()
      return answer.ok ? (JSON.parse(text) as Answer) : undefined
    } catch {
      return undefined
    }
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
