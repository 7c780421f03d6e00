import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { json } from 'node:stream/consumers'

/**
 * Connections on which tokens are asked for. Each would otherwise have its own: collecting the remains of a thousand TLS
 * connections stops the demo for some hundred milliseconds, in the midst of what is measured.
 */
const TOKEN_CONNECTIONS = 4

export interface DemoProcess {
  readonly http: string
  readonly https: string
  readonly brokerPort: number
  readonly pid: number
  /** A new access token. */
  token(): Promise<string>
  end(): Promise<void>
}

/** Starts `mgw demo` on free ports, in a process of its own, and waits until it knows its list. */
export async function startDemoProcess(directory: string): Promise<DemoProcess> {
  const child = spawn(process.execPath, ['bin/mgw.js', 'demo', '--free-ports', '--directory', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    output += chunk
    if (output.includes('list is known') && output.includes('Ctrl+C')) break
  }
  child.stdout.resume()
  const [, https = '', http = ''] = /gateway {8}(https:\S+) {2}(http:\S+)/.exec(output) ?? []
  const brokerPort = Number(/broker {9}\S+:(\d+)/.exec(output)?.[1])
  if (child.pid === undefined || https === '') throw new Error(`the demo did not start:\n${output}`)
  const agent = new Agent({ keepAlive: true, maxSockets: TOKEN_CONNECTIONS, rejectUnauthorized: false })
  return {
    http,
    https,
    brokerPort,
    pid: child.pid,
    token: () => newToken(https, agent),
    async end() {
      agent.destroy()
      child.kill('SIGTERM')
      await once(child, 'close')
    },
  }
}

function newToken(https: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const options = { method: 'POST', auth: 'demo:demo', agent, headers }
    const req = request(`${https}/token`, options, (res) => {
      json(res).then((body) => resolve((body as { access_token: string }).access_token), reject)
    })
    req.on('error', reject)
    req.end('grant_type=client_credentials')
  })
}
