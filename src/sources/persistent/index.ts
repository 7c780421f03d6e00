export { chooseStore, openPersistentStore, type StoreChoice } from './open.js'
