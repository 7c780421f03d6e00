import { createHmac } from 'node:crypto'
import t from 'tap'
import { type IssuingWorld, issuingWorld } from '../support/issuing-world.js'

/** What docs/tokens.md says of tokens that are out of the ordinary, as a client of a gateway sees it. */

const encode = (text: string) => Buffer.from(text).toString('base64url')
const HEADER = '{"alg":"RS256","kid":"RS256"}'
const EXP = Math.floor(Date.now() / 1000) + 3600

const claims = (world: IssuingWorld, more: object = {}) =>
  JSON.stringify({ iss: world.name, sub: 'somebody', iat: EXP - 3600, exp: EXP, jti: 'a-jti', ...more })

const ask = async ({ gateway }: IssuingWorld, token: string) =>
  (await fetch(`${gateway.http}/things/1`, { headers: { authorization: `Bearer ${token}` } })).status

t.test('tokens out of the ordinary', async (t) => {
  const world = await issuingWorld(t, { listener: 'maxHeaderSize = 131072' })
  const sign = (more: object = {}) => world.signRaw(HEADER, claims(world, more))

  t.test('accepted or 401', async (t) => {
    const good = sign()
    const [header = '', payload = '', signature = ''] = good.split('.')
    const hmacInput = `${encode('{"alg":"HS256"}')}.${payload}`
    const hmac = createHmac('sha256', world.publicPem).update(hmacInput).digest('base64url')
    const raw = (changed: string, text = claims(world)) => world.signRaw(changed, text)
    const cases: [title: string, token: string, status: number][] = [
      ['an ordinary one', good, 200],
      ['no exp', sign({ exp: undefined }), 401],
      ['an exp that means never', sign({ exp: Number(2n ** 63n / 1000n) }), 200],
      ['an exp in milliseconds', sign({ exp: EXP * 1000 }), 401],
      ['an iat in milliseconds', sign({ iat: (EXP - 3600) * 1000 }), 401],
      ['an iat a minute ahead, beyond the skew', sign({ iat: Math.floor(Date.now() / 1000) + 60 }), 401],
      ['an iat 2 s ahead', sign({ iat: Math.floor(Date.now() / 1000) + 2 }), 200],
      ['an exp that is text', sign({ exp: String(EXP) }), 401],
      ['no jti', sign({ jti: undefined }), 200],
      ['a numeric jti', sign({ jti: 4711 }), 200],
      ['a jti that is an object', sign({ jti: {} }), 200],
      ['an empty jti', sign({ jti: '' }), 200],
      ['alg none, no signature', `${encode('{"alg":"none"}')}.${payload}.`, 401],
      ['alg none, a signature', `${encode('{"alg":"none"}')}.${payload}.${signature}`, 401],
      ['alg NoNe', `${encode('{"alg":"NoNe"}')}.${payload}.${signature}`, 401],
      ['an HMAC whose secret is the public key', `${hmacInput}.${hmac}`, 401],
      ['an unknown crit', raw('{"alg":"RS256","kid":"RS256","crit":["x"],"x":1}'), 401],
      ['crit b64', raw('{"alg":"RS256","kid":"RS256","crit":["b64"],"b64":true}'), 401],
      ['nested, by its cty', raw('{"alg":"RS256","kid":"RS256","cty":"JWT"}'), 401],
      ['nested, by its payload', raw(HEADER, good), 401],
      ['a header member twice', raw('{"alg":"RS256","kid":"RS256","alg":"RS256"}'), 401],
      ['a claim twice', raw(HEADER, claims(world).replace('{', '{"sub":"admin",')), 401],
      ['a jti twice, escaped', raw(HEADER, claims(world).replace('{', '{"\\u006ati":"another",')), 401],
      ['a claim twice, further down', raw(HEADER, claims(world).replace('{', '{"x":{"a":1,"a":2},')), 401],
      ['64 KB', sign({ x: 'a'.repeat(48_000) }), 200],
      ['more than 64 KB', sign({ x: 'a'.repeat(50_000) }), 401],
      ['altered', `${header}.${encode(claims(world, { sub: 'admin' }))}.${signature}`, 401],
    ]
    for (const [title, token, status] of cases) t.equal(await ask(world, token), status, title)
  })

  t.test('whatever its jti, a token can be revoked', async (t) => {
    const cases: [title: string, token: string, revocation: object][] = [
      ['a numeric jti, in decimal', sign({ jti: 4712 }), { jti: '4712' }],
      [
        'a jti above 2^53, in decimal',
        world.signRaw(HEADER, claims(world, { jti: 'BIG' }).replace('"BIG"', '1382971839182739456')),
        { jti: '1382971839182739456' },
      ],
      [
        'a sub above 2^53, in decimal',
        world.signRaw(HEADER, claims(world, { sub: 'BIG', jti: 'x' }).replace('"BIG"', '1382971839182739456')),
        { subject: '1382971839182739456' },
      ],
      ['a numeric jti, as a whole', sign({ jti: 4713 }), { token: sign({ jti: 4713 }) }],
      ['no jti, by signature', sign({ jti: undefined, n: 1 }), {}],
      ['no jti, as a whole', sign({ jti: undefined, n: 2 }), { token: sign({ jti: undefined, n: 2 }) }],
      ['an empty jti, by signature', sign({ jti: '' }), {}],
      ['a jti that is an object, as a whole', sign({ jti: { a: 1 } }), { token: sign({ jti: { a: 1 } }) }],
      [
        'no iat, by a rule of long ago',
        sign({ iat: undefined, sub: 'timeless' }),
        { subject: 'timeless', revokedBefore: 1 },
      ],
    ]
    for (const [title, token, revocation] of cases) {
      t.equal(await ask(world, token), 200, title)
      await world.post(Object.keys(revocation).length > 0 ? revocation : { jti: token.split('.')[2] })
      t.equal(await ask(world, token), 401, title)
    }
  })

  t.test('a forgery with somebody’s jti is refused, and revokes nothing', async (t) => {
    const victim = sign({ jti: 'the-victims' })
    t.equal(await ask(world, `${encode('{"alg":"none"}')}.${victim.split('.')[1]}.AAAA`), 401)
    t.equal(await ask(world, victim), 200)
  })
})

t.test('headers above maxHeaderSize are a 431 before any token is read', async (t) => {
  const world = await issuingWorld(t)
  t.equal(await ask(world, world.signRaw(HEADER, claims(world, { x: 'a'.repeat(48_000) }))), 431)
  t.equal(await ask(world, world.signRaw(HEADER, claims(world))), 200)
})
