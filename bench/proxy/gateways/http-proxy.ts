/** http-proxy; with authentication, jose's verification of every token and a Set of revoked ones. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import httpProxy from 'http-proxy'
import { jwtVerify } from 'jose'
import { announce, bearerOf, forwardedHeaders, readInputs, refuse, settings } from './settings.js'

const { key, revoked } = readInputs()
const proxy = httpProxy.createProxyServer({ target: settings.upstream, agent: new Agent({ keepAlive: true }) })
proxy.on('error', (_, __, res) => void res.destroy())

announce(
  createServer((req, res) => {
    if (!settings.authenticate) return forward(req, res)
    const token = bearerOf(req)
    if (token === undefined) return refuse(res)
    jwtVerify(token, key, { issuer: settings.issuer, algorithms: ['RS256'] }).then(
      ({ payload: { jti = '' } }) => (revoked.has(jti) ? refuse(res) : forward(req, res)),
      () => refuse(res),
    )
  }),
)

function forward(req: IncomingMessage, res: ServerResponse): void {
  req.headers = forwardedHeaders(req, req.headers)
  proxy.web(req, res)
}
