export { openRevocations, Revocations, type RevocationsState } from './revocations.js'
export type { TokenIdentity } from './token-id.js'
