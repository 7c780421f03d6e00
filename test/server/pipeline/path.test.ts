import fc from 'fast-check'
import t from 'tap'
import { readTarget } from '../../../src/server/pipeline/path.js'

t.test('a path that can be read one way only passes byte for byte, its query apart', async (t) => {
  const accepted: [url: string, path: string, query: string][] = [
    ['/', '/', ''],
    ['/pet/1', '/pet/1', ''],
    ['/pet/', '/pet/', ''],
    ['/pet/findByStatus?status=available', '/pet/findByStatus', '?status=available'],
    ['/pet?', '/pet', '?'],
    ['/?a/../b//c;d%2F%zz\\?e', '/', '?a/../b//c;d%2F%zz\\?e'],
    ['/a?caf\u00e9', '/a', '?caf\u00e9'],
    ['/a%20b', '/a%20b', ''],
    ['/caf%C3%A9', '/caf%C3%A9', ''],
    ['/%66oo', '/%66oo', ''],
    ['/a.b', '/a.b', ''],
    ['/a..', '/a..', ''],
    ['/...', '/...', ''],
    ['/.well-known/x', '/.well-known/x', ''],
    ['/a%2Eb', '/a%2Eb', ''],
    ['/100%25', '/100%25', ''],
    ['/100%25/x', '/100%25/x', ''],
    ['/pets:batch', '/pets:batch', ''],
    ['/*', '/*', ''],
    ['/~a!$&\'()+,=@_-|^`{}"<>', '/~a!$&\'()+,=@_-|^`{}"<>', ''],
    ['/__proto__', '/__proto__', ''],
    ['/a%3Fb', '/a%3Fb', ''],
    ['/a%23b/c', '/a%23b/c', ''],
    ['/a%2Fb', '/a%2Fb', ''],
    ['/@a%2fb/c%2F', '/@a%2fb/c%2F', ''],
    ['http://host/pet/1?x', '/pet/1', '?x'],
    ['HTTPS://host.example:8443/pet', '/pet', ''],
    ['http://[::1]:9090/pet', '/pet', ''],
    ['http://host', '/', ''],
    ['http://host?x', '/', '?x'],
  ]
  for (const [url, path, query] of accepted) t.same(readTarget(url), { kind: 'target', path, query }, url)
})

t.test('a path that somebody could read in another way is refused, for a reason with a stable name', async (t) => {
  const refused: [url: string, reason: string][] = [
    ['', 'not-a-path'],
    ['*', 'not-a-path'],
    ['pet', 'not-a-path'],
    ['?x', 'not-a-path'],
    ['host:443', 'not-a-path'],
    ['ftp://host/pet', 'not-a-path'],
    ['http:///pet', 'not-a-path'],
    ['http://user:secret@host/pet', 'not-a-path'],
    ['http://ho\\st/pet', 'not-a-path'],
    ['http://host#/pet', 'not-a-path'],
    ['http://host//pet', 'empty-segment'],
    ['http://host/a/../pet', 'dot-segment'],
    ['/a#b', 'fragment'],
    ['/a?b#c', 'fragment'],
    ['/a b', 'illegal-character'],
    ['/a\u0000', 'illegal-character'],
    ['/a\r\nb', 'illegal-character'],
    ['/a\u007f', 'illegal-character'],
    ['/caf\u00e9', 'illegal-character'],
    ['/a\uff0fb', 'illegal-character'],
    ['/a?b c', 'illegal-character'],
    ['/a?b\r\nc', 'illegal-character'],
    ['/a?\u0100', 'illegal-character'],
    ['/a\\b', 'backslash'],
    ['/a%5Cb', 'backslash'],
    ['/a%5cb', 'backslash'],
    ['/a;b', 'semicolon'],
    ['/a%3Bb', 'semicolon'],
    ['//', 'empty-segment'],
    ['//a', 'empty-segment'],
    ['/a//b', 'empty-segment'],
    ['/a//', 'empty-segment'],
    ['/.', 'dot-segment'],
    ['/..', 'dot-segment'],
    ['/./a', 'dot-segment'],
    ['/a/..', 'dot-segment'],
    ['/a/../b', 'dot-segment'],
    ['/a/%2e%2e/b', 'dot-segment'],
    ['/a/.%2E/b', 'dot-segment'],
    ['/a/%2e', 'dot-segment'],
    ['/a/..%3Fb', 'dot-segment'],
    ['/a/%2e%23b', 'dot-segment'],
    ['/a%', 'invalid-escape'],
    ['/a%2', 'invalid-escape'],
    ['/a%zz', 'invalid-escape'],
    ['/a%u002f', 'invalid-escape'],
    ['/%ff', 'invalid-utf-8'],
    ['/%c0%af', 'invalid-utf-8'],
    ['/%c0%ae%c0%ae/a', 'invalid-utf-8'],
    ['/%ed%a0%80', 'invalid-utf-8'],
    ['/%e2%82', 'invalid-utf-8'],
    ['/a%2F%2fb', 'empty-segment'],
    ['/%2Fa', 'empty-segment'],
    ['/a%2F/b', 'empty-segment'],
    ['/a%2F..', 'dot-segment'],
    ['/a/..%2fb', 'dot-segment'],
    ['/a%2F%2E/b', 'dot-segment'],
    ['/a%2F..%3Fb', 'dot-segment'],
    ['/a%2F%5Cb', 'backslash'],
    ['/a%2F%252Fb', 'double-encoding'],
    ['/%00', 'encoded-control-character'],
    ['/a%0d%0ab', 'encoded-control-character'],
    ['/%7F', 'encoded-control-character'],
    ['/%C2%85', 'encoded-control-character'],
    ['/a%252fb', 'double-encoding'],
    ['/a%25%32%66b', 'double-encoding'],
    ['/%252e%252e/b', 'double-encoding'],
    ['/%2566oo', 'double-encoding'],
    ['/a%25252fb', 'double-encoding'],
    ['/a%25u002fb', 'double-encoding'],
  ]
  for (const [url, reason] of refused) t.same(readTarget(url), { kind: 'refusal', reason }, JSON.stringify(url))
})

t.test('no text at all makes it throw, and what it accepts decodes without an empty or a dot segment', async (t) => {
  const alphabet = fc.constantFrom(...'/.;%25fFeEcC\\?#ab0*:', '\u0000', '\u00e9', '%2e', '%2F', '%25')
  const url = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(alphabet, { maxLength: 14 }).map((a) => `/${a.join('')}`),
  )
  const property = fc.property(url, (url) => {
    const target = readTarget(url)
    if (target.kind === 'refusal') return true
    const decoded = decodeURIComponent(target.path)
    const segments = decoded.split('/')
    return (
      url.endsWith(target.path + target.query) &&
      !['\\', ';', '\0', '\n'].some((c) => decoded.includes(c)) &&
      !segments.some((s) => s === '.' || s === '..') &&
      !segments.slice(1, -1).includes('') &&
      !/%[0-9a-f]{2}/i.test(decoded)
    )
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 5_000 }))
})
