import t from 'tap'
import { noteGap, noteListing, noteWatch, type Revisions } from '../../../../src/sources/persistent/etcd/revisions.js'

t.test('another listing is asked for exactly when something fell between a listing and the watch', async (t) => {
  type Step = ['list' | 'watch', bigint] | ['gap']
  const cases: [string, Step[], number][] = [
    [
      'a watch from where the listing stopped',
      [
        ['list', 5n],
        ['watch', 6n],
      ],
      0,
    ],
    [
      'a watch from before',
      [
        ['list', 5n],
        ['watch', 3n],
      ],
      0,
    ],
    [
      'a watch that began later',
      [
        ['list', 5n],
        ['watch', 7n],
      ],
      1,
    ],
    [
      'a listing after the watch',
      [
        ['watch', 6n],
        ['list', 5n],
      ],
      0,
    ],
    [
      'a listing that was answered before the watch',
      [
        ['watch', 7n],
        ['list', 5n],
      ],
      1,
    ],
    ['no listing yet', [['watch', 7n]], 0],
    ['while the watch is away, it asks when it is back', [['watch', 7n], ['gap'], ['list', 5n]], 0],
    ['and it does', [['watch', 7n], ['gap'], ['list', 5n], ['watch', 9n]], 1],
  ]
  for (const [title, steps, asked] of cases) {
    const revisions: Revisions = { listed: undefined, watched: undefined, missed: undefined }
    const missed: string[] = []
    for (const [what, revision = 0n] of steps) {
      if (what === 'list') noteListing(revisions, revision)
      else if (what === 'watch') noteWatch(revisions, revision, (reason) => missed.push(reason))
      else noteGap(revisions)
    }
    t.equal(missed.length, asked, title)
  }
})
