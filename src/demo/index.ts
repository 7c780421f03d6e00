export { DEMO_PORTS, type DemoOptions, type DemoPorts, FREE_PORTS, runDemo } from './run.js'
