export { eventHubStore } from './event-hub/store.js'
export { chooseStore, type StoreChoice } from './store-choice.js'
