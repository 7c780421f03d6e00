export { openRevocations, Revocations } from './revocations.js'
