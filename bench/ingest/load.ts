// A client process: requests at full speed over kept connections; says how many were answered with 200.
import { Agent, get } from 'node:http'

const CONNECTIONS = 16
const [url = '', token = '', seconds = '8'] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
const until = performance.now() + Number(seconds) * 1000
let answered = 0

await Promise.all(Array.from({ length: CONNECTIONS }, askUntilTheEnd))
process.send?.(answered)
process.disconnect?.()
agent.destroy()

async function askUntilTheEnd(): Promise<void> {
  while (performance.now() < until) {
    if ((await ask()) !== 200) throw new Error('a token that is not revoked was refused')
    answered++
  }
}

function ask(): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (res) => {
      res.resume()
      res.on('end', () => resolve(res.statusCode ?? 0))
    }).on('error', reject)
  })
}
