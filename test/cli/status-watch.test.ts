import t from 'tap'
import { startHub, tokenId } from '../services/event-hub.js'
import { startGateway, world } from '../support/gateway.js'
import { mgw } from '../support/mgw.js'

/** Entries of a hub's list, without its brackets. */
function entries(from: number, to: number): string {
  const expiry = Date.now() + 3_600_000
  const one = (i: number) => JSON.stringify({ jwt_signature: tokenId(i), expiry_time: expiry })
  return Array.from({ length: to - from }, (_, i) => one(from + i)).join(',')
}

t.test(
  'mgw status --watch follows a listing: how much was read, at which rate, and the time left, until it is over',
  async (t) => {
    const w = await world(t)
    const hub = await startHub(t)
    const persistent = `  enablePersistentStorageRetrieval = true
  type = "default"
  endpointURL = "${hub.url}"
  username = "admin"
  password = "admin"`
    const file = w.configFile('', { persistent })
    hub.answer((response) => response.end(`{"revokedJWTList":[${entries(0, 4_000)}]}`))
    const first = await startGateway(t, file)
    await first.known()
    await first.process.end()

    let finish = () => {}
    hub.answer((response) => {
      response.write(`{"revokedJWTList":[${entries(0, 1_000)},`)
      finish = () => response.end(`${entries(1_000, 4_000)}]}`)
    })
    const gateway = await startGateway(t, file)
    const watch = mgw(t, ['status', '--watch', '-c', file, '--admin', gateway.admin])
    const [, read, rate] = await watch.printed(
      /^listing {2}([\d,]+) of about 4,000 revocations \(\d+ %\), ([\d,]+) a second, \d+ (?:ms|s|min \d+ s) left$/m,
    )
    t.ok(Number(read?.replace(',', '')) > 0)
    t.ok(Number(rate?.replace(',', '')) > 0)
    finish()
    await watch.printed(
      /^mgw \S+, up .*, ready\n\nlist +known: [^\n]*; 4,000 tokens, [^\n]*\n(?!listing)[\s\S]* 4,000 in /m,
    )
    t.equal(await watch.end('SIGINT'), 'SIGINT')
  },
)
