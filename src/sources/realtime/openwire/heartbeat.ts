export interface Heartbeat {
  /** Milliseconds. */
  readonly maxInactivity: number
  /** When something last came (as `performance.now()`). */
  receivedAt(): number
  /** Asks the other side for a sign of life. */
  ping(): void
  /** Nothing came for `maxInactivity`, or nearly so long. */
  dead(): void
}

/** Looks at the clock in the time that a silence may last: it is noticed within that time, not a look later. */
const LOOKS = 6
/** Every other look pings: three pings in the time, so that two may be lost. */
const LOOKS_A_PING = 2

/** Pings, and watches for silence. Returns how to stop it. */
export function startHeartbeat(heartbeat: Heartbeat): () => void {
  const between = heartbeat.maxInactivity / LOOKS
  const silent = () => performance.now() - heartbeat.receivedAt() > heartbeat.maxInactivity - between
  let check: NodeJS.Immediate | undefined
  let looks = 0
  const timer = setInterval(() => {
    // When our own process was held up, what came meanwhile is read only after the timers: look again then.
    if (silent()) check = setImmediate(() => silent() && heartbeat.dead())
    else if (++looks % LOOKS_A_PING === 0) heartbeat.ping()
  }, between)
  return () => {
    clearInterval(timer)
    clearImmediate(check)
  }
}
