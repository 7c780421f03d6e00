export { type AdminServer, type Readiness, startAdmin } from './server.js'
