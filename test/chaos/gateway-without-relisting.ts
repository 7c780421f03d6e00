import { main } from '../../src/cli/main.js'
import { Synchronizer } from '../../src/sync/synchronizer.js'

/** A program: `mgw` that lists its store until the list is known and never again, gaps or not. The checker must see it. */

const requestListing = Synchronizer.prototype.requestListing
Synchronizer.prototype.requestListing = function (reason) {
  if (this.knownUntil === 0) requestListing.call(this, reason)
}
await main(process.argv)
