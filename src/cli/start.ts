import { startGateway } from '../gateway.js'
import { untilSignal } from './exit.js'

/**
 * `mgw start`: runs the gateway until a signal; open requests may end (`[server] stopTimeout`). SIGHUP reads the configuration
 * anew; one that comes while it starts does so once it has.
 */
export async function start(options: { readonly config: string }): Promise<void> {
  let asked = false
  let reload = () => {
    asked = true
  }
  process.on('SIGHUP', () => reload())
  await untilSignal(async () => {
    const gateway = await startGateway(options.config)
    reload = () => void gateway.reload()
    if (asked) reload()
    return gateway
  })
}
