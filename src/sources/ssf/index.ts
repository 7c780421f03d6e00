export { type SsfReceiverParts, ssfReceiver, tryTransmitter } from './open.js'
export { pushPaths } from './push-source.js'
