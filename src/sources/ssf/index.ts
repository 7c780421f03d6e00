export { type SsfReceiverParts, ssfReceiver } from './open.js'
export { pushPaths } from './push-source.js'
