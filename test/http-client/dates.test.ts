import t from 'tap'
import { call, createHttpClient, observeDates, observeServers } from '../../src/http-client/index.js'
import { httpServer } from '../support/servers.js'

t.test('the Date of each answer is handed on, with its Age, and the server that it is of', async (t) => {
  const dates: (string | undefined)[] = ['Tue, 15 Nov 1994 08:12:31 GMT', undefined, 'yesterday']
  const { origin } = await httpServer(t, (req, res) => {
    res.sendDate = false
    const [, which = '0', age] = /(\d)(?:\/(.*))?$/.exec(req.url ?? '') ?? []
    const date = dates[Number(which)]
    if (date !== undefined) res.setHeader('date', date)
    if (age !== undefined) res.setHeader('age', age)
    res.writeHead(which === '0' ? 503 : 200).end('body')
  })
  const client = createHttpClient()
  t.teardown(() => client.destroy())
  const heard: [string, number][] = []
  const observed = observeDates(client, (server, date) => heard.push([server, date]))
  for (const path of ['/0', '/1', '/2', '/0/60', '/0/x']) {
    const answer = await call(observed, { url: origin + path, timeout: 5_000, maxBytes: 100 })
    t.equal(answer.body.toString(), 'body')
  }
  const date = Date.UTC(1994, 10, 15, 8, 12, 31)
  t.strictSame(heard, [
    [origin, date],
    [origin, date + 60_000],
    [origin, date],
  ])
})

t.test(
  'what servers show of their clocks advances, and moves no clock of those that another client observes',
  async (t) => {
    const date = Date.UTC(2099, 0)
    const { origin } = await httpServer(t, (_, res) => void res.setHeader('date', new Date(date).toUTCString()).end())
    const client = createHttpClient()
    t.teardown(() => client.destroy())
    let elapsed = 1_000
    const heard: number[] = []
    const one = observeServers(
      client,
      () => elapsed,
      (_, at) => heard.push(at),
    )
    const other = observeServers(client, () => elapsed)
    t.equal(one.latest(), Number.NEGATIVE_INFINITY)
    await call(one.client, { url: origin, timeout: 5_000, maxBytes: 100 })
    elapsed += 500
    t.strictSame([one.latest(), other.latest(), heard], [date + 500, Number.NEGATIVE_INFINITY, [date]])
  },
)
