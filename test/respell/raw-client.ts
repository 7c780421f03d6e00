import { connect } from 'node:net'

/** Longer than any answer takes, ms. */
const LIMIT = 20_000

/**
 * Sends bytes on a connection of their own and resolves to the statuses of all that is answered: a request that is read as
 * two has two. Empty: the connection ended without an answer, or none came in time.
 */
export function exchange(port: number, bytes: string): Promise<number[]> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1')
    socket.setTimeout(LIMIT, () => socket.destroy())
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve([...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))))
    socket.write(bytes, 'latin1')
  })
}
