import type { Mutant } from './mutant.js'

/** Mutants of what is promised about clients and upstreams that mean harm, or fail; see `MUTANTS`. */
export const DATA_PLANE: readonly Mutant[] = [
  {
    name: 'believes whatever a client says of itself',
    promise: 'forwarding',
    file: 'proxy/headers.js',
    find: "fate === 'of-proxies' && isTrusted && plain === lower",
    replace: "fate === 'of-proxies' && plain === lower",
    caughtBy: {
      test: 'server/pipeline/trusted-headers',
      title: 'upstreams are told of the client, who cannot say that it is another one',
    },
  },
  {
    name: 'appends to the X-Forwarded-For of anybody',
    promise: 'forwarding',
    file: 'proxy/headers.js',
    find: "what !== 'via' && !isTrusted",
    replace: "what !== 'via' && false",
    caughtBy: {
      test: 'server/pipeline/trusted-headers',
      title: 'upstreams are told of the client, who cannot say that it is another one',
    },
  },
  {
    name: 'all clients of a trusted proxy are one',
    promise: 'forwarding',
    file: 'proxy/forwarding.js',
    find: 'isTrusted ? forwardedClient(req.rawHeaders, this.#trustedProxies) : undefined',
    replace: 'undefined',
    caughtBy: {
      test: 'introspection-shares',
      title: 'a client with a flood of unknown tokens does not keep others from being introspected',
    },
  },
  {
    name: 'takes the first of several Hosts',
    promise: 'smuggling',
    file: 'server/listeners/request-head.js',
    find: ' || hasSeveralHosts(req.rawHeaders)',
    replace: '',
    caughtBy: {
      test: 'server/smuggling/requests',
      title: 'what can be read in two ways is refused, and nobody is asked',
    },
  },
  {
    name: 'forwards a body in a coding that nobody undoes',
    promise: 'smuggling',
    file: 'server/pipeline/read-request.js',
    find: '!isPlainlyFramed(req)',
    replace: 'false',
    caughtBy: {
      test: 'server/smuggling/requests',
      title: 'what can be read in two ways is refused, and nobody is asked',
    },
  },
  {
    name: 'the connection of a GET with a body is used again',
    promise: 'smuggling',
    file: 'proxy/http/forward.js',
    find: 'options.reset = true',
    replace: 'options.reset = false',
    caughtBy: {
      test: 'server/smuggling/requests',
      title: 'what is forwarded has one reading, and the next client gets its own answer',
    },
  },
  {
    name: 'an answer in an unknown coding is passed on as its content',
    promise: 'smuggling',
    file: 'proxy/http/forward.js',
    find: 'coding !== undefined && !isChunked(coding)',
    replace: 'false',
    caughtBy: {
      test: 'server/smuggling/responses',
      title: 'what follows an answer, or is not framed in one way, is no answer to the next client',
    },
  },
  {
    name: 'floods over HTTP/2 go on',
    promise: 'HTTP/2',
    file: 'server/listeners/http2.js',
    find: '!limit.allows(performance.now())',
    replace: 'false',
    caughtBy: {
      test: 'server/listeners/http2',
      title: 'each flood closes the connection, and none of its requests beyond the limit is served',
    },
  },
  {
    name: 'a revocation closes the connection of its streams',
    promise: 'HTTP/2',
    file: 'proxy/http/http2-stream.js',
    find: 'this.body.destroy(BROKEN_OFF);',
    replace: 'this.connection.destroy();',
    caughtBy: {
      test: 'http2-revocation',
      title: 'a revocation resets the streams of its token; others of the same connection live on',
    },
  },
  {
    name: 'an upload that is reset without an error is whole',
    promise: 'HTTP/2',
    file: 'proxy/http/request-body.js',
    find: 'if (this.#client.body.closed)',
    replace: 'if (false)',
    caughtBy: {
      test: 'proxy/http/request-body',
      title: 'a body whose HTTP/2 stream is reset in the middle is never whole, whatever the code',
    },
  },
  {
    name: 'a client of an HTTP/2 stream may read as slowly as it likes',
    promise: 'HTTP/2',
    file: 'server/listeners/http2.js',
    find: 'this.#watchers.slowStreams?.watch(served);',
    replace: '',
    caughtBy: {
      test: 'server/listeners/connections',
      title: 'over HTTP/2 a stream whose client takes too little of its response is reset, and its siblings live on',
    },
  },
  {
    name: 'accepts connections without end',
    promise: 'limits',
    file: 'server/listeners/connections.js',
    find: 'this.#open >= this.#limits.most && !this.#makeRoom()',
    replace: 'false',
    caughtBy: {
      test: 'server/listeners/connections',
      title: 'connections beyond the limit of all listeners are closed at once while those that are open are busy',
    },
  },
  {
    name: 'closes busy connections for new ones',
    promise: 'limits',
    file: 'server/listeners/connections.js',
    find: 'served.isIdle(socket)',
    replace: 'true',
    caughtBy: {
      test: 'server/listeners/connections',
      title: 'connections beyond the limit of all listeners are closed at once while those that are open are busy',
    },
  },
  {
    name: 'idle connections keep new ones out',
    promise: 'limits',
    file: 'server/listeners/connections.js',
    find: 'served.isIdle(socket)',
    replace: 'false',
    caughtBy: {
      test: 'server/listeners/connections',
      title: 'at the limit an idle connection is closed for a new one, the longest-standing first',
    },
  },
  {
    name: 'limits a proxy as if it were one client',
    promise: 'limits',
    file: 'server/listeners/connections.js',
    find: 'trustedProxies?.has(address) === true ? undefined : networkOf(address)',
    replace: 'networkOf(address)',
    caughtBy: {
      test: 'server/listeners/connections',
      title: 'the connections of one client are limited, those of others are not',
    },
  },
  {
    name: 'a client may read as slowly as it likes',
    promise: 'limits',
    file: 'server/listeners/slow-readers.js',
    find: 'now >= behind.deadline',
    replace: 'false',
    caughtBy: {
      test: 'server/listeners/connections',
      title: 'a client that takes nothing is reset, whatever it goes on sending; one that reads is not',
    },
  },
  {
    name: 'a client that reads nothing keeps its response',
    promise: 'limits',
    file: 'proxy/client-stream.js',
    find: 'if (isInTurn || this.isGone)',
    replace: 'if (false)',
    caughtBy: {
      test: 'proxy/http/forward',
      title: 'a client that reads nothing of its response loses it, whatever it keeps sending',
    },
  },
  {
    name: 'a body may drip for ever',
    promise: 'limits',
    file: 'proxy/http/request-body.js',
    find: 'Math.min(left, ahead) <= 0',
    replace: 'false',
    caughtBy: {
      test: 'server/pipeline/slow-clients',
      title: 'a body that stops, or drips, is a 408, and its upstream request is aborted',
    },
  },
  {
    name: 'one client may have all introspections under way',
    promise: 'limits',
    file: 'auth/bounded-calls.js',
    find: 'calls.running < this.#runningOfClient',
    replace: 'true',
    caughtBy: {
      test: 'introspection-shares',
      title: 'a client with a flood of unknown tokens does not keep others from being introspected',
    },
  },
  {
    name: 'takes every request, however far it lags behind',
    promise: 'limits',
    file: 'server/pipeline/load-shedding.js',
    find: 'refuses() {',
    replace: 'refuses() { return false;',
    caughtBy: {
      test: 'server/pipeline/load-shedding',
      title: 'while the event loop lags requests are 503, health and revocations go on, and afterwards all',
    },
  },
  {
    name: 'an upstream that fails is asked on and on',
    promise: 'endpoints',
    file: 'proxy/endpoints/endpoint-state.js',
    find: '++this.#failures === this.#rules.maxFailures',
    replace: 'false',
    caughtBy: {
      test: 'server/pipeline/endpoints',
      title: 'an upstream that resets connections is passed over after five requests, and all of them are answered',
    },
  },
  {
    name: 'a POST is sent again',
    promise: 'endpoints',
    file: 'proxy/http/forward.js',
    find: 'this.#maySend() && isIdempotent(this.#client.req.method)',
    replace: 'this.#maySend()',
    caughtBy: {
      test: 'server/pipeline/endpoints',
      title: 'a request whose body was read, and one that is not idempotent, are not sent again',
    },
  },
  {
    name: 'retries have no bound',
    promise: 'endpoints',
    file: 'proxy/endpoints/tries.js',
    find: '!budget.take(now)',
    replace: 'false',
    caughtBy: {
      test: 'proxy/endpoints/endpoint-group',
      title: 'retries are at most a share of the requests; a request that never left is no retry',
    },
  },
  {
    name: 'a WebSocket’s client that leaves before it is open is not noticed',
    promise: 'connection ends',
    file: 'server/pipeline/early-frames.js',
    find: ".once('end', left)",
    replace: '',
    caughtBy: {
      test: 'server/pipeline/clients-that-leave',
      title: 'a client that leaves during authentication: nothing goes upstream',
    },
  },
]
