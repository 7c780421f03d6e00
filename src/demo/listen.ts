import type { AddressInfo, Server } from 'node:net'

/** The demo's parts listen here and nowhere else: its passwords are known to everybody. */
export const LOOPBACK = '127.0.0.1'

/** One of the demo's ports is taken. Its message names the port, whose it is, and what to do. */
export class PortInUseError extends Error {
  override readonly name = 'PortInUseError'
  readonly code = 'ERR_DEMO_PORT_IN_USE'
  readonly port: number

  constructor(part: string, port: number, cause: unknown) {
    super(
      `Port ${port}, which the demo's ${part} needs, is in use. ` +
        'Stop the program that listens there, or let the demo choose free ports.',
      { cause },
    )
    this.port = port
  }
}

/** Listens on loopback and answers the port (a free one for 0). Throws {@link PortInUseError}. */
export function listen(server: Server, port: number, part: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(isInUse(error) ? new PortInUseError(part, port, error) : error)
    server.once('error', failed)
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      server.off('error', failed)
      // A failed accept (too many open files) costs that connection, not the demo.
      server.on('error', () => undefined)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

/** Whether an error, or one of its causes, says that an address is taken. */
export function isInUse(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'EADDRINUSE') return true
  }
  return false
}
