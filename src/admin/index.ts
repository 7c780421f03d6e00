export type { LogLevelOptions } from './log-level.js'
export { type AdminServer, type Readiness, startAdmin } from './server.js'
