import { startGateway } from '../gateway.js'
import { untilSignal } from './exit.js'

/** `mgw start`: runs the gateway until a signal; open requests may end (`[server] stopTimeout`). */
export async function start(options: { readonly config: string }): Promise<void> {
  await untilSignal(() => startGateway(options.config))
}
