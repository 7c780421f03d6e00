export { chooseStore, openPersistentStore } from './open.js'
