export interface Heartbeat {
  /** Milliseconds. */
  readonly maxInactivity: number
  /** When something last came (as `performance.now()`). */
  receivedAt(): number
  /** Asks the other side for a sign of life. */
  ping(): void
  /** Nothing came for `maxInactivity`. */
  dead(): void
}

/** Pings three times in `maxInactivity`, so that two may be lost, and watches for silence. Returns how to stop it. */
export function startHeartbeat(heartbeat: Heartbeat): () => void {
  const silent = () => performance.now() - heartbeat.receivedAt() > heartbeat.maxInactivity
  let check: NodeJS.Immediate | undefined
  const timer = setInterval(() => {
    // When our own process was held up, what came meanwhile is read only after the timers: look again then.
    if (silent()) check = setImmediate(() => silent() && heartbeat.dead())
    else heartbeat.ping()
  }, heartbeat.maxInactivity / 3)
  return () => {
    clearInterval(timer)
    clearImmediate(check)
  }
}
