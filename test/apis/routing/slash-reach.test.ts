import fc from 'fast-check'
import t from 'tap'
import { parseTemplate } from '../../../src/apis/routing/path-template.js'
import { reaches, reachPattern } from '../../../src/apis/routing/slash-reach.js'

function pattern(template: string) {
  const parsed = parseTemplate(template)
  if (typeof parsed === 'string') throw new Error(`${template}: ${parsed}`)
  return reachPattern(parsed)
}

type Parts = ReturnType<typeof pattern>['parts']

/** The search alone: whether a path of `from` with a slash in a value is one of `to`, from these positions on. */
function found(from: Parts, to: Parts, at = 0, there = 0, slash = false, seen = new Set<string>()): boolean {
  const key = `${at} ${there} ${slash}`
  if (seen.has(key)) return false
  seen.add(key)
  const [our, their] = [from[at], to[there]]
  const isOver = (parts: Parts, position: number) => position === parts.length || parts[position] === null
  if (slash && isOver(from, at) && isOver(to, there)) return true
  if (at === from.length || there === to.length) return false
  const takesSlash = their === '/' || their === null
  if (typeof our === 'string' && (typeof their === 'string' ? our !== their : our === '/' && !takesSlash)) return false
  const after = (part: Parts[number], position: number) =>
    typeof part === 'string' ? [position + 1] : part === null ? [position] : [position, position + 1]
  const bySlash = slash || (typeof our !== 'string' && takesSlash)
  return after(our, at).some((a) => after(their, there).some((b) => found(from, to, a, b, bySlash, seen)))
}

t.test('a value with slashes reaches what it may be taken for, and nothing else', async (t) => {
  const cases: [from: string, to: string, reached: boolean][] = [
    ['/p/{id}', '/p/{id}/x', true],
    ['/p/{id}', '/p/*', true],
    ['/p/{id}.json', '/p/a/b.json', true],
    ['/p/{id}/x', '/p/{a}/{b}/x', true],
    ['/p/{id}', '/p/{other}', false],
    ['/p/{id}', '/q/{a}/{b}', false],
    ['/p/{id}.json', '/p/a/b.xml', false],
    ['/p/x', '/p/{a}/x', false],
  ]
  for (const [from, to, reached] of cases) t.equal(reaches(pattern(from), pattern(to)), reached, `${from} ${to}`)
})

t.test('what is told by a look at the segments alone is what the search finds', async (t) => {
  const segments = ['a', 'ab', 'b', '{x}', '{x}', 'a{x}', '{x}b', 'a{x}b', '{x}.json', 'a.json', '{x}a{y}']
  const template = fc
    .tuple(
      fc.array(fc.constantFrom(...segments), { minLength: 1, maxLength: 4 }),
      fc.constantFrom('', '', '', '/', '/*'),
    )
    .map(([parts, end]) => `/${parts.join('/')}${end}`)
  const property = fc.property(template, template, (one, other) => {
    const [from, to] = [pattern(one), pattern(other)]
    return reaches(from, to) === found(from.parts, to.parts)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 5_000 }))
})
