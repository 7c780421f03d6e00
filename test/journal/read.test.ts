import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t, { type Test } from 'tap'
import { encodeBlock, HEADER_BYTES } from '../../src/journal/format.js'
import { HOUR, has, NOW, names, older, open, read } from './opened-journal.js'

/** The length record's slots begin there: what is between them is not used. */
const SLOT_DISTANCE = 4_096
const TOKENS = names(3)

/** A journal of {@link TOKENS}, each in a block of its own, and its length record. */
async function small(t: Test): Promise<{ path: string; journal: Buffer; record: Buffer }> {
  const path = join(t.testdir(), 'journal')
  const { journal, list } = await open(path)
  for (const id of TOKENS) {
    list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
    journal.inSync(NOW)
    journal.note('position', id)
    await journal.flush()
  }
  await journal.close()
  return { path, journal: readFileSync(path), record: readFileSync(`${path}.length`) }
}

/** What is read of a journal and a record; `undefined`: the file is not there. */
async function outcome(directory: string, journal: Buffer | undefined, record: Buffer | undefined) {
  const path = join(directory, 'changed')
  for (const [name, bytes] of [
    [path, journal],
    [`${path}.length`, record],
  ] as const) {
    rmSync(name, { force: true })
    if (bytes !== undefined) writeFileSync(name, bytes)
  }
  const { damages, loading } = await read(path)
  const { list } = loading.into
  const kept = TOKENS.filter((id) => has(loading.into, id) !== undefined).length
  return { isWhole: damages.length === 0, kept, size: list.size.tokens, reason: damages[0]?.reason, loading }
}

function* flips(bytes: Buffer): Generator<[string, Buffer]> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    yield [`bit ${bit}`, flipped]
  }
}

function* cuts(bytes: Buffer): Generator<[string, Buffer]> {
  for (let length = 0; length < bytes.length; length++) yield [`cut at ${length}`, bytes.subarray(0, length)]
}

t.test(
  'whichever bit flips, it loses its block at most; wherever it is cut: all is known, or it is damaged',
  async (t) => {
    const { path, journal, record } = await small(t)
    const directory = join(path, '..')
    for (const [what, changed] of [...flips(journal), ...cuts(journal)]) {
      const { isWhole, kept, size, loading } = await outcome(directory, changed, record)
      if (size !== kept) t.fail(`${what}: something false came in`)
      if (isWhole && kept < TOKENS.length) t.fail(`${what}: ${kept} of ${TOKENS.length} are left, and count as all`)
      if (what.startsWith('bit') && kept < TOKENS.length - 1) t.fail(`${what}: ${kept} are left`)
      if (isWhole && loading.notes.get('position') !== TOKENS.at(-1)) t.fail(`${what}: a note is lost`)
    }
    t.pass(`${journal.length * 9} changes`)
  },
)

t.test('whatever becomes of the length record, all is known, or the journal is damaged', async (t) => {
  const { path, journal, record } = await small(t)
  const directory = join(path, '..')
  const isUsed = (at: number) => at % SLOT_DISTANCE < 64
  const flipped = [...flips(record)].filter((_, bit) => isUsed(bit >> 3))
  for (const [what, changed] of [...flipped, ...[...cuts(record)].filter((_, at) => isUsed(at))]) {
    const { isWhole, kept } = await outcome(directory, journal, changed)
    if (isWhole && kept < TOKENS.length) t.fail(`${what}: ${kept} are left, and count as all`)
    if (what.startsWith('bit') && !isWhole) t.fail(`${what}: one bit is no loss, the other slot is whole`)
  }
  t.match(await outcome(directory, journal, undefined), { isWhole: false, reason: /length record missing/ })
  t.match(await outcome(directory, journal, Buffer.alloc(5_000)), {
    isWhole: false,
    reason: /length record unreadable/,
  })
})

t.test('a journal that is gone, emptied, replaced or of another version is not empty', async (t) => {
  const { path, journal, record } = await small(t)
  const directory = join(path, '..')
  const is = async (isWhole: boolean, reason: RegExp | undefined, file?: Buffer, beside?: Buffer) => {
    const found = await outcome(directory, file, beside)
    t.equal(found.isWhole, isWhole, found.reason ?? String(reason))
    if (reason !== undefined) t.match(found.reason, reason)
  }
  await is(true, undefined)
  await is(false, /missing/, undefined, record)
  await is(false, /missing/, undefined, Buffer.from('garbage'))
  await is(false, /empty/, Buffer.alloc(0), record)
  await is(false, /empty/, Buffer.alloc(0))
  await is(false, /no readable header/, Buffer.from('something else altogether, and a little more'), undefined)
  const other = await small(t)
  await is(false, /not the file/, other.journal, record)
  await is(false, /not the file/, older(journal), record)
  const { path: newer, journal: content } = await small(t)
  content.writeUInt8(5, 7)
  content.writeUInt32LE(crc32(content.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
  writeFileSync(newer, content)
  t.match((await read(newer)).damage?.reason, /format version 5 .* reads versions 2 to 4.*: a newer mgw wrote it/)
})

t.test('a journal of the version before, without a length record, is intact, also with a torn tail', async (t) => {
  const { path, journal } = await small(t)
  const directory = join(path, '..')
  const before = older(journal)
  t.match(await outcome(directory, before, undefined), { isWhole: true, kept: TOKENS.length })
  for (const [what, torn] of cuts(before)) {
    const { isWhole, size, kept } = await outcome(directory, torn, undefined)
    if (isWhole !== torn.length >= HEADER_BYTES || size !== kept) t.fail(what)
  }
  for (const [what, flipped] of flips(before)) {
    const { isWhole, kept } = await outcome(directory, flipped, undefined)
    if (isWhole && kept < TOKENS.length) t.fail(`${what}: ${kept} are left, and count as all`)
  }
})

t.test('a journal of the version before, without a length record, goes on, and has one from then on', async (t) => {
  const { path, journal } = await small(t)
  writeFileSync(path, older(journal))
  rmSync(`${path}.length`)
  const first = await open(path)
  t.equal(first.list.size.tokens, TOKENS.length)
  t.equal(first.inSyncAt, NOW)
  first.list.add({ kind: 'token', id: 'after', expiresAt: NOW + HOUR }, 'topic', NOW)
  await first.journal.flush()
  await first.journal.close()
  t.ok(readdirSync(join(path, '..')).includes('journal.length'))
  const { damages, loading } = await read(path)
  t.same(damages, [])
  t.ok(has(loading.into, 'after'))
  t.match(await outcome(join(path, '..'), readFileSync(path).subarray(0, -1), readFileSync(`${path}.length`)), {
    isWhole: false,
  })
})

t.test(
  'bytes beyond the recorded length may be torn, blocks behind them count, and the file is set right',
  async (t) => {
    const { path, journal } = await small(t)
    const hole = Buffer.alloc(100)
    const late = encodeBlock('note', Buffer.from('["late",1]'))
    writeFileSync(path, Buffer.concat([journal, hole, late, late.subarray(0, 7)]))
    const opened = await open(path)
    t.same(opened.journal.damages.all, [])
    t.equal(opened.list.size.tokens, TOKENS.length)
    t.equal(opened.notes.get('late'), undefined, 'it may speak of what is lost')
    opened.list.add({ kind: 'token', id: 'after', expiresAt: NOW + HOUR }, 'topic', NOW)
    await opened.journal.flush()
    await opened.journal.close()
    const { found, damages, loading } = await read(path)
    t.same(damages, [])
    t.equal(found.contents?.lost, undefined)
    t.ok(has(loading.into, 'after'))
  },
)

t.test('a file system that does not give the journal is not an empty one', async (t) => {
  const path = join(t.testdir(), 'journal')
  mkdirSync(path)
  const opened = await open(path)
  t.match(opened.journal.damages.all, [{ reason: /cannot read the journal: EISDIR/ }])
  await t.rejects(opened.journal.flush(), /EISDIR/)
  await opened.journal.close()
  renameSync(path, `${path}.moved`)
})
