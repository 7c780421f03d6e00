import { AddressList, Forwarding } from '../../src/proxy/index.js'
import { Tracing } from '../../src/tracing/index.js'

/** Tells upstreams nothing of clients. */
export const SILENT = new Forwarding({ headers: [], trustedProxies: new AddressList([]) })

/** Starts no trace. */
export const UNTRACED = new Tracing({ keepClientRequestId: false, startTraces: false, sampleRatio: 1 })
