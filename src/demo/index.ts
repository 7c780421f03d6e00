export { DEMO_PORTS, FREE_PORTS, runDemo } from './run.js'
