import fc from 'fast-check'
import t from 'tap'
import { Synchronizer } from '../../src/sync/synchronizer.js'
import { runModel, type Sabotage, type Setting, type Step } from './model/run.js'

/** Random runs of one gateway, its journal on a real disk, against a plain reference. MGW_MODEL_RUNS makes it longer. */
const RUNS = Number(process.env.MGW_MODEL_RUNS ?? 150)
const SEED = Number(process.env.MGW_MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31))
const SECOND = 1_000

const setting: fc.Arbitrary<Setting> = fc.record({
  hasTopic: fc.boolean(),
  hasStore: fc.boolean(),
  hasWatch: fc.boolean(),
  canCatchUp: fc.boolean(),
  hasMarks: fc.boolean(),
  connectingTakes: fc.constantFrom(0, 901, 6_007),
  hasJournal: fc.boolean(),
  topicIsUp: fc.boolean(),
  storeIsUp: fc.boolean(),
  failurePolicy: fc.constantFrom('closed', 'closed', 'closed', 'open'),
  startupGrace: fc.constantFrom(0, 5 * SECOND),
  maxStaleness: fc.constantFrom(0, 0, 90 * SECOND),
  refreshInterval: fc.constantFrom(60 * SECOND, 300 * SECOND),
  listingTakes: fc.constantFrom(0, 37, 1_900, 7_003),
})
const place = fc.constantFrom('topic', 'store')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('revoke'),
      token: fc.nat(12),
      at: fc.constantFrom('topic', 'store', 'both'),
      // Unknown, or so many milliseconds from now: some have passed.
      life: fc.constantFrom(0, 0, -SECOND, 40 * SECOND, 3_600 * SECOND),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      does: fc.constantFrom('deliver', 'deliver', 'repeat', 'batch', 'cut', 'cut', 'restore', 'restore'),
      at: place,
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('rewrite') }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('let list'), listable: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('pass'),
      ms: fc.constantFrom(1, 61, 1_301, 7_103, 7_103, 61_007, 331_009),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('restart'), how: fc.constantFrom('stop', 'kill', 'kill at once') }),
  },
)

function property(directory: string, sabotage?: Sabotage) {
  return fc.asyncProperty(setting, fc.array(step, { maxLength: 40, size: 'max' }), (chosen, steps) =>
    runModel(directory, chosen, steps, sabotage),
  )
}

t.test('in any order of events the gateway does as the reference says', async (t) => {
  t.comment(`MGW_MODEL_SEED=${SEED} MGW_MODEL_RUNS=${RUNS}`)
  await fc.assert(property(t.testdir()), { seed: SEED, numRuns: RUNS, endOnFailure: process.env.CI === 'true' })
})

/** As it would be if nobody had thought of gaps. */
class NeverListsAgain extends Synchronizer {
  override requestListing(reason: string): void {
    if (this.knownUntil === 0 || reason === 'interval') super.requestListing(reason)
  }
}

t.test('the model detects a gateway that does not list again after a gap', async (t) => {
  const found = await fc.check(property(t.testdir(), { synchronizer: NeverListsAgain }), {
    seed: 1,
    numRuns: 300,
    endOnFailure: true,
  })
  t.ok(found.failed)
  t.match(String(found.errorInstance), /in the store for long enough, passes/)
})

t.test('the model detects a gateway whose journal is lost with it', async (t) => {
  const found = await fc.check(property(t.testdir(), { forgetsJournal: true }), {
    seed: 1,
    numRuns: 300,
    endOnFailure: true,
  })
  t.ok(found.failed)
  t.match(String(found.errorInstance), /passes/)
})

t.test('the model detects a gateway that overlooks what the store got since its journal', async (t) => {
  const found = await fc.check(property(t.testdir(), { overlooks: true }), {
    seed: 1,
    numRuns: 300,
    endOnFailure: true,
  })
  t.ok(found.failed)
  t.match(String(found.errorInstance), /marked in sync while .*, in the store, passes/)
})

t.test('the model detects a gateway that believes a mark of entries missing from its journal', async (t) => {
  const found = await fc.check(property(t.testdir(), { keepsMarks: true }), {
    seed: 1,
    numRuns: 300,
    endOnFailure: true,
  })
  t.ok(found.failed)
  t.match(String(found.errorInstance), /passes/)
})
