/** The least that does the job: undici's dispatch, a cache of verified tokens, a Set of revoked ones. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { jwtVerify } from 'jose'
import { Agent, type Dispatcher } from 'undici'
import { announce, bearerOf, readInputs, refuse, settings } from './settings.js'

const DROPPED = new Set(['connection', 'keep-alive', 'host', 'authorization', 'proxy-authorization'])
const { key, revoked } = readInputs()
const agent = new Agent()
const cache = new Map<string, { readonly jti: string; readonly until: number }>()

announce(
  createServer((req, res) => {
    if (!settings.authenticate) return forward(req, res)
    const token = bearerOf(req)
    const known = token === undefined ? undefined : cache.get(token)
    if (token === undefined) refuse(res)
    else if (known !== undefined && known.until > Date.now()) forward(req, res, known.jti)
    else {
      jwtVerify(token, key, { issuer: settings.issuer, algorithms: ['RS256'] }).then(
        ({ payload: { jti = '', exp = 0 } }) => {
          if (cache.size >= settings.cacheCapacity) cache.delete(cache.keys().next().value ?? '')
          cache.set(token, { jti, until: exp * 1000 })
          forward(req, res, jti)
        },
        () => refuse(res),
      )
    }
  }),
)

function forward(req: IncomingMessage, res: ServerResponse, jti?: string): void {
  if (jti !== undefined && revoked.has(jti)) return refuse(res)
  const { rawHeaders, method, url: path = '/' } = req
  const headers = ['x-forwarded-for', req.socket.remoteAddress ?? '', 'x-forwarded-proto', 'http']
  headers.push('x-forwarded-host', req.headers.host ?? '', 'via', '1.1 gateway')
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (!DROPPED.has(name.toLowerCase())) headers.push(name, rawHeaders[i + 1] as string)
  }
  const body = method === 'GET' ? null : req
  agent.dispatch(
    { origin: settings.upstream, path, method: method as Dispatcher.HttpMethod, headers, body },
    {
      onRequestStart() {},
      onResponseStart({ rawHeaders: raw }, status) {
        const out: string[] = []
        for (let i = 0; Array.isArray(raw) && i + 1 < raw.length; i += 2) {
          const name = String(raw[i])
          if (!DROPPED.has(name.toLowerCase())) out.push(name, String(raw[i + 1]))
        }
        res.writeHead(status, out)
      },
      onResponseData(controller, chunk) {
        if (res.write(chunk)) return
        controller.pause()
        res.once('drain', () => controller.resume())
      },
      onResponseEnd: () => void res.end(),
      onResponseError: () => res.destroy(),
    },
  )
}
