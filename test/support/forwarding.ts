import { AddressList, Forwarding } from '../../src/proxy/index.js'

/** Tells upstreams nothing of clients. */
export const SILENT = new Forwarding({ headers: [], trustedProxies: new AddressList([]) })
