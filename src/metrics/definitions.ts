/** A metric: what `/metrics` says of it. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** Names of its labels. Their values come from the configuration or from a fixed set, never from a request. */
  readonly labels: readonly string[]
}

const counter = (help: string, ...labels: string[]): MetricDefinition => ({ type: 'counter', help, labels })
const gauge = (help: string, ...labels: string[]): MetricDefinition => ({ type: 'gauge', help, labels })
const histogram = (help: string, ...labels: string[]): MetricDefinition => ({ type: 'histogram', help, labels })

/** Every metric, by its name. docs/operating.md lists them; a test compares the two. */
export const METRICS = {
  mgw_build_info: gauge('Always 1; the version of mgw.', 'version'),
  mgw_ready: gauge('Whether protected APIs are served: 1 or 0.'),
  mgw_workers: gauge('Worker processes that listen; 1 if everything runs in one process.'),
  mgw_worker_restarts_total: counter('Workers that exited and were replaced.'),
  mgw_worker_replication_lag_seconds: gauge(
    'Age of the oldest change that a worker has not acknowledged; 0 if it has all.',
    'worker',
  ),
  mgw_worker_replication_lag_entries: gauge('Changes of the list that a worker has not acknowledged.', 'worker'),
  mgw_worker_in_sync: gauge("Whether a worker's copy of the list is in sync: 1 or 0.", 'worker'),

  mgw_listener_refusals_total: counter(
    'Connections closed and requests refused before an API was looked up, by reason.',
    'reason',
  ),
  mgw_http_requests_total: counter(
    'Requests answered, by API, status and why: "upstream" is the upstream\'s own answer.',
    'api',
    'version',
    'status',
    'reason',
  ),
  mgw_http_request_duration_seconds: histogram(
    'From the request to the end of its response, WebSockets left out.',
    'api',
    'version',
  ),
  mgw_upstream_response_duration_seconds: histogram(
    "From the request's first byte to an upstream until the response's headers.",
    'api',
    'version',
  ),
  mgw_upstream_requests_in_progress: gauge('Requests and WebSockets open at upstreams.', 'api', 'version'),
  mgw_upstream_failures_total: counter('Requests that an upstream did not answer, or not whole.', 'origin', 'failure'),
  mgw_upstream_retries_total: counter(
    'Requests sent once more, or to another endpoint, after they failed; by where they were sent.',
    'origin',
  ),
  mgw_endpoint_ejections_total: counter(
    'Times that an endpoint was passed over from then on, since it failed.',
    'origin',
  ),
  mgw_endpoint_ejected: gauge('Groups of endpoints, in all workers, that pass an endpoint over.', 'origin'),
  mgw_endpoint_circuit_openings_total: counter('Times that the circuit of an endpoint opened.', 'origin'),
  mgw_endpoint_circuit_open: gauge('Groups of endpoints, in all workers, in which its circuit is open.', 'origin'),
  mgw_upstream_connections: gauge('Connections to an origin.', 'origin'),
  mgw_upstream_queued_requests: gauge('Requests that wait for a connection to an origin.', 'origin'),
  mgw_open_requests: gauge('Requests with a token that are under way, and that a revocation would end.'),
  mgw_open_requests_ended_total: counter(
    'Open requests ended because their token was revoked or is inactive, or because the list stopped being known.',
    'reason',
  ),
  mgw_tokens_without_session_total: counter(
    'Tokens that verified and name no session, of issuers that announce the end of sessions.',
    'issuer',
  ),

  mgw_revocation_list_known: gauge('Whether the revocation list is known: 1 or 0.'),
  mgw_revocation_list_entries: gauge('Entries of the list, by kind.', 'kind'),
  mgw_revocation_list_bytes: gauge('Memory that the entries take, in each process.'),
  mgw_revocation_list_swept_total: counter('Entries removed because their tokens have ended.'),
  mgw_revocation_list_sweeps_total: counter('Sweeps that went through the whole list.'),

  mgw_source_state: gauge('1 for the state that a source is in, 0 for the others.', 'source', 'role', 'state'),
  mgw_source_state_timestamp_seconds: gauge('Since when a source is in its state.', 'source', 'role'),
  mgw_source_revocations_total: counter('Revocations that a source has delivered.', 'source', 'role'),
  mgw_source_last_revocation_timestamp_seconds: gauge('When a source last delivered one.', 'source', 'role'),
  mgw_source_lag_seconds: histogram(
    'From publishing to learning, where the message says when it was published.',
    'source',
  ),
  mgw_source_malformed_total: counter(
    'Elements of a source that could not be read, by reason; each counts once.',
    'source',
    'role',
    'reason',
  ),
  mgw_source_listings_total: counter('Listings of the store, by outcome.', 'source', 'outcome'),
  mgw_source_last_listing_timestamp_seconds: gauge('When the last listing that succeeded began.', 'source'),
  mgw_source_last_listing_duration_seconds: gauge('How long it took.', 'source'),
  mgw_source_last_listing_revocations: gauge('How many revocations it held; 0 if nothing had changed.', 'source'),

  mgw_journal_bytes: gauge('Size of the journal.'),
  mgw_journal_waiting_entries: gauge('Entries that are not on disk yet.'),
  mgw_journal_writable: gauge('Whether the journal can be written: 1 or 0.'),
  mgw_journal_damages: gauge('Losses of the journal that were neither listed since nor accepted.'),
  mgw_write_back_waiting: gauge('Revocations through the gateway that the store has not taken yet.'),
  mgw_write_back_written_total: counter('Revocations that the store has taken.'),
  mgw_write_back_failures_total: counter('Attempts to write a revocation to the store that failed.'),
  mgw_write_back_dropped_total: counter(
    'Revocations given up: no space for them, expired, or of a kind that the store does not keep.',
  ),

  mgw_log_lines_dropped_total: counter(
    'Lines of the access log or the audit log that were not written: the disk or the reader was too slow, or full.',
    'log',
  ),

  mgw_spans_dropped_total: counter('Spans that no OpenTelemetry collector took.'),

  process_cpu_seconds_total: counter('CPU time of a process.', 'process'),
  process_resident_memory_bytes: gauge('Resident memory of a process.', 'process'),
  process_start_time_seconds: gauge('When a process was started.', 'process'),
  nodejs_heap_used_bytes: gauge('Used JavaScript heap of a process.', 'process'),
  nodejs_external_memory_bytes: gauge('Memory of typed arrays and buffers of a process.', 'process'),
  nodejs_eventloop_busy_seconds_total: counter('Time that the event loop of a process was busy.', 'process'),
} as const satisfies Readonly<Record<string, MetricDefinition>>

export type MetricName = keyof typeof METRICS
