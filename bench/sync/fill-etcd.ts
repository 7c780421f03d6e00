import { randomUUID } from 'node:crypto'
import { Etcd3 } from 'etcd3'

/** Puts in one transaction: etcd takes 128. */
const BATCH = 100
const AT_ONCE = 16

/** Writes that many revoked tokens with random ids, as a key manager would over time. */
export async function fillEtcd(url: string, count: number): Promise<void> {
  const etcd = new Etcd3({ hosts: url })
  let left = count
  const write = async () => {
    while (left > 0) {
      const size = Math.min(BATCH, left)
      left -= size
      const puts = Array.from({ length: size }, () => ({
        request_put: { key: Buffer.from(`jti/${randomUUID()}`), value: Buffer.from('true') },
      }))
      await etcd.kv.txn({ success: puts })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, write))
  etcd.close()
}
