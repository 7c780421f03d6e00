import fc from 'fast-check'
import t from 'tap'
import { isLiteral, type PathTemplate, parseTemplate, type Segment } from '../../../src/apis/routing/path-template.js'
import { PathTree } from '../../../src/apis/routing/path-tree.js'
import { RouteTable } from '../../../src/apis/routing/route-table.js'
import { readTarget } from '../../../src/server/pipeline/path.js'
import { declareApi } from '../declare.js'

function template(text: string): PathTemplate {
  const template = parseTemplate(text)
  if (typeof template === 'string') throw new TypeError(`${text}: ${template}`)
  return template
}

/** What a template means, said as simply as can be: the reference that the tree is held to. */
function matches({ segments, wildcard }: PathTemplate, path: string): boolean {
  const parts = path.slice(1).split('/')
  if (wildcard ? parts.length <= segments.length : parts.length !== segments.length) return false
  return segments.every((segment, at) => segmentMatches(segment, parts[at] ?? ''))
}

function segmentMatches([first, ...rest]: Segment, text: string): boolean {
  if (first !== undefined) {
    return (
      text.startsWith(first) && (rest.length === 0 ? text === first : segmentMatches(rest, text.slice(first.length)))
    )
  }
  if (rest.length === 0) return text !== ''
  return [...text].some((_, at) => segmentMatches(rest, text.slice(at + 1)))
}

const texts = fc.constantFrom('a', 'b', 'ab', 'a.b', '-', ':', '::', '(', '.', '*', 'a-', '25', '+', '?', '$')
const segments = fc.oneof(
  texts,
  fc.constant('{x}'),
  texts.map((t) => `{x}${t}`),
  texts.map((t) => `${t}{x}`),
  fc.tuple(texts, texts).map(([s, t]) => `{x}${s}{y}${t}`),
  fc.tuple(texts, texts).map(([s, t]) => `{x}${s}{y}${t}{z}`),
)
const templates = fc
  .tuple(fc.array(segments, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '', '/', '/*'))
  .map(([segments, end]) => `/${segments.join('/')}${end}`)
const pathSegments = fc.array(
  fc.constantFrom(
    'a',
    'b',
    '-',
    '.',
    ':',
    '(',
    '*',
    '2',
    '5',
    '%',
    '?',
    '#',
    'x',
    '+',
    '$',
    '\uE001',
    '\uE004',
    '\uE005',
  ),
  { minLength: 1, maxLength: 5 },
)
const paths = fc
  .tuple(fc.array(pathSegments, { maxLength: 4 }), fc.constantFrom('', '/'))
  .map(([segments, end]) => (segments.length === 0 ? '/' : `/${segments.map((s) => s.join('')).join('/')}${end}`))

t.test(
  'the tree finds a template exactly when one matches, and it is one that matches, literal ones first',
  async (t) => {
    const property = fc.property(
      fc.uniqueArray(templates, { selector: (text) => template(text).shape, maxLength: 8 }),
      fc.array(paths, { minLength: 1, maxLength: 12 }),
      (declared, paths) => {
        const tree = new PathTree(declared.map((text) => [template(text), text] as const))
        return paths.every((path) => {
          const found = tree.find(path)
          const candidates = declared.filter((text) => matches(template(text), path))
          if (found === undefined) return candidates.length === 0
          // The path /* is only text: a template of that spelling is a wildcard.
          const isDeclared = candidates.includes(path) && isLiteral(template(path))
          return candidates.includes(found) && (!isDeclared || found === path)
        })
      },
    )
    t.doesNotThrow(() => fc.assert(property, { numRuns: 1_000 }))
  },
)

t.test('any request target is refused, or its raw and its decoded reading lead to the same place', async (t) => {
  const texts = fc.constantFrom(
    'a',
    'b',
    'pet',
    '%61',
    '%62',
    '%70et',
    '.',
    '-',
    '%2E',
    '%2d',
    '%3F',
    '%25',
    '%20',
    '%C3%A9',
  )
  const paths = fc
    .array(fc.array(texts, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((segments) => `/v1/${segments.map((s) => s.join('')).join('/')}`)
  const operations = ['/a', '/b/{id}', '/pet', '/pet/a', '/{x}.a', '/{x}-{y}', '/{x}/b', '/caf%C3%A9', '/a/*']
  const property = fc.property(fc.uniqueArray(fc.constantFrom(...operations)), paths, (operations, path) => {
    const table = new RouteTable([declareApi('/v1', ...operations.map((o) => `GET ${o}`))])
    const target = readTarget(path)
    if (target.kind === 'refusal') return true
    const route = table.find('GET', target.path)
    if (route.kind === 'ambiguous') return true
    const decoded = decodeURIComponent(target.path)
    const readings = [target.path, decoded]
    const declared = operations.map((o) => [o, template(`/v1${o}`), template(`/v1${decodeURIComponent(o)}`)] as const)
    const found = route.kind === 'match' ? route.resource.template : undefined
    return readings.every((reading) => {
      const candidates = declared.filter(([, raw, plain]) => matches(raw, reading) || matches(plain, reading))
      return found === undefined ? candidates.length === 0 : candidates.some(([operation]) => operation === found)
    })
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1_000 }))
})

t.test('a path made to be expensive is not', async (t) => {
  const tree = new PathTree([[template('/{a}-{b}-{c}-{d}-{e}.x'), 1]])
  t.equal(tree.find(`/${'-'.repeat(60_000)}`), undefined)
  t.equal(tree.find(`/${'-'.repeat(60_000)}.x`), 1)
})

t.test('an invalid path template is refused with a reason', async (t) => {
  for (const text of ['pet', '/{a}{b}', '/{a', '/a}', '/{}', '/{{a}}', '/{a/b}']) {
    t.type(parseTemplate(text), 'string', text)
  }
})
