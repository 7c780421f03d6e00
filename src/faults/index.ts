export { type FaultName, faults } from './catalogue.js'
export { Fault } from './fault.js'
