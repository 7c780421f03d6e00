import fc from 'fast-check'
import t from 'tap'
import { elasticWords, resized } from '../../src/revocation/elastic-words.js'

t.test('resized words keep their values; new ones are zero', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 1, maxLength: 8 }), (lengths) => {
      let words = elasticWords(1)
      let model: number[] = [0]
      lengths.forEach((length, i) => {
        words = resized(words, length)
        model = Array.from({ length }, (_, at) => model[at] ?? 0)
        if (length > 0) words[length - 1] = model[length - 1] = i + 1
      })
      return words.length === model.length && model.every((word, at) => words[at] === word)
    }),
    { numRuns: 50 },
  )
})

t.test('words grow in place while address space is reserved, then move and free the old memory', async (t) => {
  const words = elasticWords(100)
  t.equal(resized(words, 200), words)
  const moved = resized(words, 10_000)
  t.not(moved, words)
  t.equal(words.byteLength, 0)
})
