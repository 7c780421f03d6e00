// What the executable file runs: a command line or, forked by a primary, a worker. Only one of the two is loaded.
// No top-level await: the bundle is CommonJS.
import cluster from 'node:cluster'

if (cluster.isWorker) void import('../../dist/src/worker.js')
else void import('../../dist/src/cli/main.js').then(({ main }) => main(process.argv))
