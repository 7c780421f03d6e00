export { type AdminServer, startAdmin } from './server.js'
