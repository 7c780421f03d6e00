import { json, startHub } from '../../test/services/event-hub.js'
import type { EtcdServer } from '../../test/services/etcd.js'
import type { Owner } from '../../test/services/service-process.js'

/** A store, and how a revocation gets into it. */
export interface StoreUnderTest {
  readonly name: string
  /** The body of `[tokenRevocationConfig.persistent]`. */
  readonly section: string
  put(jti: string): Promise<unknown>
}

const enabled = (type: string, url: string) => `  enablePersistentStorageRetrieval = true
  type = "${type}"
  endpointURL = "${url}"
  username = ""`

export function etcdV3(etcd: EtcdServer): StoreUnderTest {
  return {
    name: 'etcd v3',
    section: enabled('etcd', `${etcd.url}/v3/keys/jti/`),
    put(jti) {
      const [key, value] = [`jti/${jti}`, '3600'].map((text) => Buffer.from(text).toString('base64'))
      return fetch(`${etcd.url}/v3/kv/put`, { method: 'POST', body: JSON.stringify({ key, value }) })
    },
  }
}

export function etcdV2(etcd: EtcdServer): StoreUnderTest {
  return {
    name: 'etcd v2',
    section: enabled('etcd', `${etcd.url}/v2/keys/jti/`),
    put: (jti) =>
      fetch(`${etcd.url}/v2/keys/jti/${jti}`, { method: 'PUT', body: new URLSearchParams({ value: '3600' }) }),
  }
}

export async function eventHub(t: Owner): Promise<StoreUnderTest> {
  const hub = await startHub(t)
  const revoked: object[] = []
  return {
    name: 'event hub',
    section: enabled('default', hub.url),
    async put(jti) {
      revoked.push({ jwt_signature: jti, expiry_time: Date.now() + 3_600_000 })
      hub.answer(json({ revokedJWTList: revoked }))
    },
  }
}

/** The body of `[tokenRevocationConfig.realtime]`. */
export function topic(url: string): string {
  return `  enableRealtimeMessageRetrieval = true
  jmsConnectionTopic = "tokenRevocation"
  jmsConnectionProviderUrl = "${url}"
  jmsConnectionUsername = "admin"
  jmsConnectionPassword = "admin"`
}
