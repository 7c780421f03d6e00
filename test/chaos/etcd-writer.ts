/** Milliseconds after which a write counts as lost; it may have been made all the same. */
const PUT_LIMIT = 10_000
/** A frozen etcd compacts nothing; the fault that waits for it must not outlast its time by much. */
const COMPACTION_LIMIT = 500

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

  /** Drops the history up to the latest write: a watch that was away cannot go on where it was. */
  async compact(): Promise<boolean> {
    if (this.#revision === 0) return false
    return (await this.#call('compaction', { revision: String(this.#revision), physical: true })) !== undefined
  }

  async #call(method: 'put' | 'compaction', body: object): Promise<{ header: { revision: string } } | undefined> {
    try {
      const answer = await fetch(`${this.#url}/v3/kv/${method}`, {
        method: 'POST',
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(method === 'put' ? PUT_LIMIT : COMPACTION_LIMIT),
      })
      const text = await answer.text()
      return answer.ok ? (JSON.parse(text) as { header: { revision: string } }) : undefined
    } catch {
      return undefined
    }
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
