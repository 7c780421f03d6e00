import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createLogging } from '../../../../src/logging/index.js'
import type { RevocationRecord } from '../../../../src/revocation/record.js'
import { type ModuleStoreOptions, moduleStore } from '../../../../src/sources/persistent/module/store.js'
import type { PersistentStore } from '../../../../src/sources/source.js'
import { failure, listed, testContract, token } from '../contract.js'

let modules = 0

/** Keeps what it is told in memory, as the smallest store of one's own would. */
const MEMORY = `
  const stores = globalThis.memoryStores ??= new Map()
  function createStore({ name }) {
    const memory = stores.get(name) ?? { records: new Map(), sinks: new Set() }
    stores.set(name, memory)
    const key = ({ kind, id, iss, claims }) => JSON.stringify([kind, id, iss === undefined ? '' : { iss }, claims])
    return {
      name: 'memory',
      keepsIssuers: true,
      async *list() { yield* [...memory.records.values()] },
      async watch(sink, signal) {
        memory.sinks.add(sink)
        sink.state('live')
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        memory.sinks.delete(sink)
      },
      async put(record) {
        const known = memory.records.get(key(record))
        const later = (a, b) => (a === undefined || b > a ? b : a)
        const laterEnd = (a, b) => {
          const end = later(a, b) ?? a
          const isKnown = (a !== undefined && b !== undefined) || end > Date.now() + 30 * 86_400_000
          return isKnown ? end : undefined
        }
        memory.records.set(key(record), {
          ...record,
          ...(known?.revokedBefore ? { revokedBefore: later(known.revokedBefore, record.revokedBefore) } : {}),
          expiresAt: known === undefined ? record.expiresAt : laterEnd(known.expiresAt, record.expiresAt),
        })
        for (const sink of memory.sinks) sink.revoked(record)
      },
    }
  }`

t.test('the contract of every store', async (t) => {
  let names = 0
  testContract(t, async (t) => {
    const section = { name: `store ${names++}` }
    const store = await load(t, `${MEMORY}\nexport { createStore }`, { section })
    const other = await load(t, `${MEMORY}\nexport { createStore }`, { section })
    return { store, revoke: async (id) => other.put?.(token(id, undefined)) }
  })
})

t.test('a module may be ESM or CommonJS, its export named or default, and gets its section', async (t) => {
  const store = "{ name: options.type, async *list() { yield { kind: 'token', id: options.table } } }"
  const section = { type: 'mine', table: 'revoked' }
  const cases: [string, string][] = [
    ['s.mjs', `export function createStore(options) { return ${store} }`],
    ['s.mjs', `export const createStore = async (options) => (${store})`],
    ['s.mjs', `export default { createStore(options) { return ${store} } }`],
    ['s.cjs', `exports.createStore = (options) => (${store})`],
    ['s.cjs', `module.exports = { createStore: (options) => (${store}) }`],
    ['s.cjs', `module.exports = class { static createStore(options) { return ${store} } }`],
  ]
  for (const [name, source] of cases) {
    const made = await load(t, source, { section }, name)
    t.equal(made.name, 'mine', source)
    t.strictSame(await listed(made), [token('revoked', undefined)])
    t.equal(made.watch, undefined)
    t.equal(made.put, undefined)
  }
})

t.test('a module that is missing, throws or has the wrong shape is an error that names the file', async (t) => {
  const cases: [string, string, RegExp][] = [
    ['a syntax error', 'export function {', /cannot be loaded: expected an ESM or CommonJS module/],
    ['one that throws', "throw new Error('at load')", /cannot be loaded/],
    ['no export', 'export const x = 1', /must export a function createStore/],
    ['an export that is none', 'export const createStore = {}', /must export a function createStore/],
    ['createStore throws', "export const createStore = () => { throw new Error('no table') }", /createStore failed/],
    ['createStore rejects', "export const createStore = async () => { throw 'no table' }", /createStore failed/],
    [
      'createStore hangs',
      'export const createStore = () => new Promise(() => {})',
      /createStore returned no store within 50 ms/,
    ],
    ['no store', 'export const createStore = () => undefined', /must return an object/],
    ['no name', 'export const createStore = () => ({ async *list() {} })', /without a name/],
    ['no list', "export const createStore = () => ({ name: 'x' })", /without list\(signal\)/],
    ['a bad watch', "export const createStore = () => ({ name: 'x', list() {}, watch: 1 })", /watch is not a function/],
    ['a bad put', "export const createStore = () => ({ name: 'x', list() {}, put: {} })", /put is not a function/],
  ]
  for (const [title, source, message] of cases) {
    const error = await failure(load(t, source, { timeout: 50 }))
    t.match(error, { code: 'ERR_STORE_MODULE', message }, title)
    t.match(String(error), /store.mjs/, `${title}: names the file`)
  }
  const missing = await failure(moduleStore({ file: join(t.testdir(), 'none.mjs'), section: {} }))
  t.match(missing, { code: 'ERR_STORE_MODULE', message: /none.mjs: cannot be loaded/ })
})

t.test('an invalid record is left out and counted, and does not hide the others', async (t) => {
  const cases: [string, string][] = [
    ['null', 'not-an-object'],
    ["'s3cret'", 'not-an-object'],
    ["{ get kind() { throw new Error('s3cret') } }", 'not-an-object'],
    ["{ kind: 'token' }", 'no-id'],
    ["{ kind: 'token', id: '' }", 'no-id'],
    ["{ kind: 'token', id: 7 }", 'no-id'],
    ["{ kind: 'token', id: 's3cret'.repeat(20000) }", 'no-id'],
    ["[{ kind: 'token', id: 's3cret' }]", 'no-id'],
    ["{ kind: 'planet', id: 's3cret' }", 'bad-kind'],
    ["{ id: 's3cret' }", 'bad-kind'],
    ["{ kind: 'subject', id: 's3cret' }", 'bad-time'],
    ["{ kind: 'subject', id: 's3cret', revokedBefore: Infinity }", 'bad-time'],
    ["{ kind: 'issuer', revokedBefore: 1 }", 'bad-issuer'],
    ["{ kind: 'issuer', iss: null, revokedBefore: 1 }", 'bad-issuer'],
    ["{ kind: 'issuer', iss: 's3cret' }", 'bad-time'],
    ["{ kind: 'claims', revokedBefore: 1 }", 'bad-claims'],
    ["{ kind: 'claims', claims: {}, revokedBefore: 1 }", 'bad-claims'],
    ["{ kind: 'claims', claims: { a: ['s3cret'] }, revokedBefore: 1 }", 'bad-claims'],
    ["{ kind: 'claims', claims: { a: 's3cret' } }", 'bad-time'],
  ]
  for (const [record, reason] of cases) {
    const lines: string[] = []
    const logging = createLogging({ level: 'warn', format: 'json', stream: { write: (line) => lines.push(line) } })
    const source = listing(`yield { kind: 'token', id: 'one' }; yield ${record}; yield { kind: 'token', id: 'two' }`)
    const store = await load(t, source, { logging })
    const expected = [token('one', undefined), token('two', undefined)]
    t.strictSame([await listed(store), await listed(store)], [expected, expected], record)
    t.strictSame(store.malformed?.(), { malformed: { [reason]: 1 }, malformedAt: { [reason]: 'record 1' } })
    t.equal(lines.length, 1, 'said once')
    t.notMatch(lines.join(''), /s3cret/)
  }
  for (const expiry of ["'2030-01-01'", 'NaN', '-1', '{}']) {
    const store = await load(t, listing(`yield { kind: 'token', id: 'x', expiresAt: ${expiry} }`))
    t.strictSame(await listed(store), [token('x', undefined)], 'it is revoked in any case')
    t.match(store.malformed?.(), { malformed: { 'bad-expiry': 1 } })
  }
  for (const iss of ['7', "''", '[]']) {
    const store = await load(t, listing(`yield { kind: 'token', id: 'x', iss: ${iss} }`))
    t.same(await listed(store), [{ ...token('x', undefined), iss: null }], 'it is revoked in any case')
    t.match(store.malformed?.(), { malformed: { 'bad-issuer': 1 } })
  }
  const store = await load(
    t,
    listing("yield { kind: 'token', id: 'x', expiresAt: null, __proto__: { admin: 1 }, more: 1 }"),
  )
  t.strictSame(await listed(store), [token('x', undefined)], 'nothing but what is known passes')
  t.equal(store.malformed?.(), undefined)
})

/** Loads a module of that source. */
async function load(
  t: Test,
  source: string,
  settings: Partial<ModuleStoreOptions> = {},
  name = 'store.mjs',
): Promise<PersistentStore> {
  const fresh = `${modules++}-${name}` // Node never loads a file twice
  const file = join(t.testdir({ [fresh]: source }), fresh)
  return moduleStore({ file, section: {}, ...settings })
}

function listing(body: string): string {
  return `export const createStore = () => ({ name: 'x', async *list() { ${body} } })`
}

t.test('records say whose tokens they are about, and may be about claims or a whole issuer', async (t) => {
  const A = 'https://a.example'
  const records: RevocationRecord[] = [
    { kind: 'token', id: 'x', iss: A, expiresAt: undefined },
    { kind: 'token', id: 'x', iss: null, expiresAt: undefined },
    { kind: 'session', id: 's', iss: A, revokedBefore: 5, expiresAt: undefined },
    { kind: 'issuer', iss: A, revokedBefore: 5, expiresAt: undefined },
    { kind: 'claims', claims: { tenant: 'x', level: '5', admin: 'true' }, revokedBefore: 5, expiresAt: undefined },
    { kind: 'claims', claims: { tenant: 'x' }, iss: A, revokedBefore: 5, expiresAt: undefined },
  ]
  const store = await load(t, listing(`yield* ${JSON.stringify(records)}`))
  t.same(await listed(store), records)
  t.equal(store.malformed?.(), undefined)
})

t.test('a store that does not say that it keeps issuers is given no record that names one', async (t) => {
  const A = 'https://a.example'
  const times = { revokedBefore: 5, expiresAt: undefined }
  const scoped: RevocationRecord[] = [
    { kind: 'token', id: 'x', iss: A, expiresAt: undefined },
    { kind: 'subject', id: 'x', iss: null, ...times },
    { kind: 'issuer', iss: A, ...times },
    { kind: 'claims', claims: { tenant: 'x' }, ...times },
  ]
  const plain: RevocationRecord[] = [token('x', undefined), { kind: 'subject', id: 'x', ...times }]
  const made = (more: string) =>
    load(t, `export const createStore = () => ({ name: 'x', list() {}, async put() {}, ${more} })`)
  const older = await made('')
  for (const record of scoped) t.equal(older.takes?.(record), false, record.kind)
  for (const record of plain) t.equal(older.takes?.(record), true, record.kind)
  t.equal((await made('keepsIssuers: true')).takes, undefined)
  await t.rejects(made("keepsIssuers: 'yes'"), { message: /keepsIssuers is not a boolean/ })
})
