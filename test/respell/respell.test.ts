import t from 'tap'
import { runRespell } from './run.js'

/** The short form of `respell.ts`. */

t.test('whatever spelling of a revoked token is sent, the answer is 401 or 400', { timeout: 100_000 }, async (t) => {
  const seed = Number(process.env.MGW_RESPELL_SEED ?? Math.floor(Math.random() * 1_000_000))
  const count = Number(process.env.MGW_RESPELL_COUNT ?? 2_000)
  const { byStatus, byKind, controls, violations, seconds } = await runRespell({ seed, count }, t)
  t.comment(`MGW_RESPELL_SEED=${seed}: ${count} in ${seconds.toFixed(1)} s, ${JSON.stringify([...byStatus])}`)
  t.same(violations, [])
  t.ok(controls >= count / 20, 'control tokens of the same issuer passed all along')
  t.ok(byKind.size >= 60, 'every kind was drawn')
})
