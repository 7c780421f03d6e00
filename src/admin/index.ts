export { type AdminOptions, type AdminServer, type Readiness, startAdmin } from './server.js'
