import { rootCertificates } from 'node:tls'
import type { Etcd3, IOptions } from 'etcd3'

/** How a server of an etcd is spoken to. */
export interface ClientOptions {
  /** PEM certificates that are trusted beside the public authorities. */
  readonly ca?: readonly string[]
  /** PEM of a client certificate and its key, for a server that asks for one. */
  readonly cert?: string
  readonly key?: string
  /** Milliseconds that any call but a watch may take. */
  readonly timeout: number
  /** Milliseconds without a word from the server after which a watch asks whether it is there. */
  readonly keepAlive: number
}

/** The token of a login, which each call carries. */
export interface CallToken {
  readonly token: string | undefined
  /** The server does not know it any more. */
  forget(): void
}

type CallOptions = Exclude<IOptions['defaultCallOptions'], undefined | ((...args: never[]) => unknown)>
type Interceptor = NonNullable<CallOptions['interceptors']>[number]
type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>

/** Bytes of the longest message: a page of a listing, or a part of what a watch has to catch up with. */
const MAX_MESSAGE = 8 * 1024 * 1024
/** A server that is back is found again within this many milliseconds. */
const MAX_RECONNECT_BACKOFF = 1_000

/** etcd3's own retries and circuit breaker would hide failures for seconds after a server has come back. */
const once = { execute: async (attempt) => attempt({ signal: new AbortController().signal }) } as Policy

/** Opens a client of one server, loading the etcd3 package with the first. It connects with its first call. */
export async function openClient(server: string, options: ClientOptions, login: CallToken): Promise<Etcd3> {
  const { Etcd3 } = await import('etcd3') // takes 0.2 s and 20 MB: only for those who have an etcd
  const interceptors = [carryToken(login)]
  const ofStreams = [...interceptors, requireLeader]
  return new Etcd3({
    hosts: server,
    ...(server.startsWith('https:') ? { credentials: credentials(options) } : {}),
    faultHandling: { global: once, host: () => once },
    defaultCallOptions: ({ isStream }) => ({
      ...(isStream ? { interceptors: ofStreams } : { interceptors, deadline: Date.now() + options.timeout }),
    }),
    grpcOptions: {
      'grpc.max_receive_message_length': MAX_MESSAGE,
      'grpc.keepalive_time_ms': options.keepAlive,
      'grpc.keepalive_timeout_ms': options.timeout,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_BACKOFF,
      'grpc.use_local_subchannel_pool': 1, // else a new client inherits the back-off of the one that failed
    },
  })
}

function credentials({ ca, cert, key }: ClientOptions): NonNullable<IOptions['credentials']> {
  return {
    rootCertificate: Buffer.from([...rootCertificates, ...(ca ?? [])].join('\n')),
    ...(key === undefined ? {} : { privateKey: Buffer.from(key) }),
    ...(cert === undefined ? {} : { certChain: Buffer.from(cert) }),
  }
}

/**
 * Adds the login's token to a call, and forgets one that the server does not know. etcd3's own logins are not used:
 * they leak a connection each, and repeat a call whose token stays invalid without an end.
 */
function carryToken(login: CallToken): Interceptor {
  return (options, nextCall) => {
    const call = nextCall(options) as ReturnType<Interceptor>
    const start = call.start.bind(call)
    call.start = (metadata, listener) => {
      if (login.token !== undefined) metadata.set('token', login.token)
      start(metadata, {
        onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
        onReceiveMessage: (message) => listener?.onReceiveMessage?.(message),
        onReceiveStatus: (status) => {
          if (status.details.includes('invalid auth token')) login.forget()
          listener?.onReceiveStatus?.(status)
        },
      })
    }
    return call
  }
}

/**
 * Has a server that has lost its leader end the stream, after a few seconds: else a member that is cut off from the others
 * keeps a watch open on which nothing comes. Other calls wait for a leader instead, which an election soon brings.
 */
const requireLeader: Interceptor = (options, nextCall) => {
  const call = nextCall(options) as ReturnType<Interceptor>
  const start = call.start.bind(call)
  call.start = (metadata, listener) => {
    metadata.set('hasleader', 'true')
    start(metadata, listener)
  }
  return call
}
