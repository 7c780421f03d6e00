import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, readlinkSync, statSync, truncateSync, watch, writeFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silent } from '../../src/logging/index.js'
import { Outbox, OutboxDirectory, type StorePut } from '../../src/outbox/index.js'
import type { RevocationRecord } from '../../src/revocation/record.js'
import { interceptSyncs } from '../journal/file-syncs.js'
import { soon } from '../journal/opened-journal.js'

const token = (id: string): RevocationRecord => ({ kind: 'token', id, expiresAt: 1_900_000_000_000 })
const idsOf = (found: readonly StorePut[]) => found.map(({ record }) => record.id)

/** An outbox in a directory, which is claimed at once. */
async function open(t: Test, path: string) {
  const directory = new OutboxDirectory(path)
  const unkept: StorePut[] = []
  const outbox = new Outbox({
    directory,
    name: 'waiting',
    logger: silent('test'),
    readable: () => undefined,
    unkept: (put) => unkept.push(put),
  })
  const close = async () => {
    await outbox.close()
    await directory.release()
  }
  t.teardown(close)
  await outbox.flush()
  return { outbox, unkept, close }
}

/** Appends tokens that nobody holds; resolves when they are on disk. */
async function append(outbox: Outbox, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => outbox.append(token(id), 1, false).kept))
}

/** The directory as it is found after kill -9 at this moment. */
function killed(path: string, name: string): string {
  const copy = `${path}-${name}`
  cpSync(path, copy, { recursive: true })
  return copy
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`)

t.test('a file that fails while it is read loses nothing of what came before', async (t) => {
  const path = join(t.testdir(), 'outbox')
  const { outbox } = await open(t, path)
  const ids = names(300).map((name) => `${name}-${'x'.repeat(2_000)}`)
  await append(outbox, ids)
  const handle = await openFile(path.concat('/waiting-1'))
  const proto = Object.getPrototypeOf(handle) as typeof handle
  await handle.close()
  const { read } = proto
  t.teardown(() => Object.assign(proto, { read }))
  let calls = 0
  Object.assign(proto, {
    read(this: typeof handle, ...given: Parameters<typeof read>) {
      return ++calls === 2 ? Promise.reject(new Error('EIO')) : read.apply(this, given)
    },
  })
  const found = [...idsOf(await outbox.read(1_000)), ...idsOf(await outbox.read(1_000))]
  t.ok(calls > 2)
  t.strictSame(found, ids)
})

t.test('what was appended is read back in order, a part at a time, also after kill -9', async (t) => {
  const path = join(t.testdir(), 'outbox')
  const first = await open(t, path)
  await append(first.outbox, names(500))
  await append(first.outbox, ['with a very long name '.repeat(2_900)])
  t.equal(first.outbox.size, 501)
  for (const { outbox } of [first, await open(t, killed(path, 'after'))]) {
    t.ok(outbox.hasUnread)
    const parts: StorePut[] = []
    for (let part = await outbox.read(100); part.length > 0; part = await outbox.read(100)) {
      t.ok(part.length <= 100)
      parts.push(...part)
    }
    t.strictSame(idsOf(parts).slice(0, 500), names(500))
    t.equal(parts.length, 501)
    t.notOk(outbox.hasUnread)
    t.equal(outbox.size, 501, 'read is not done')
    for (const put of parts) outbox.done(put)
    t.equal(outbox.size, 0)
  }
})

t.test('what the caller holds is not read back, until the next start', async (t) => {
  const path = join(t.testdir(), 'outbox')
  const { outbox } = await open(t, path)
  const [held, done] = [outbox.append(token('held'), 1, true), outbox.append(token('done'), 1, true)]
  await append(outbox, ['free'])
  outbox.done(done)
  t.strictSame(idsOf(await outbox.read(10)), ['free'])
  t.strictSame(idsOf(await outbox.read(10)), [])
  outbox.done(held)
  t.equal(outbox.size, 1)
  const again = await open(t, killed(path, 'after'))
  t.strictSame(idsOf(await again.outbox.read(10)), ['held', 'done', 'free'], 'a put that is made again does no harm')
})

t.test('files go when all in them is done, and the last one is emptied', async (t) => {
  const path = join(t.testdir(), 'outbox')
  const { outbox, close } = await open(t, path)
  for (let i = 0; i < 10; i++)
    await append(
      outbox,
      names(20).map((name) => name.padEnd(60_000, 'x')),
    )
  t.ok(readdirSync(path).length >= 3, readdirSync(path).join(' '))
  const found = await outbox.read(1_000)
  t.equal(found.length, 200)
  for (const put of found) outbox.done(put)
  await outbox.flush()
  const changes = watch(path)
  t.teardown(() => changes.close())
  while (readdirSync(path).length > 1) await soon(once(changes, 'change'), 'the files stay')
  const [last = ''] = readdirSync(path)
  t.equal(statSync(join(path, last)).size, 0)
  await close()
  t.strictSame(readdirSync(path), [])
})

t.test('wherever a file is cut, what is before the cut is read, and the outbox goes on', async (t) => {
  const path = join(t.testdir(), 'outbox')
  const { outbox, close } = await open(t, path)
  await append(outbox, ['one', 'two', 'three'])
  await close()
  const [file = ''] = readdirSync(path)
  const whole = statSync(join(path, file)).size
  for (let cut = 0; cut < whole; cut += 7) {
    const copy = killed(path, String(cut))
    truncateSync(join(copy, file), cut)
    const cutOff = await open(t, copy)
    const ids = idsOf(await cutOff.outbox.read(10))
    t.strictSame(ids, ['one', 'two', 'three'].slice(0, ids.length), `cut at ${cut}`)
    t.equal(cutOff.outbox.size, ids.length)
    await append(cutOff.outbox, ['later'])
    t.strictSame(idsOf(await cutOff.outbox.read(10)), ['later'], 'it goes on')
    await cutOff.close()
  }
})

t.test('whichever bit flips, one revocation is lost and said to be, and those that follow are read', async (t) => {
  const path = join(t.testdir(), 'outbox')
  const { outbox, close } = await open(t, path)
  await append(outbox, ['one', 'two', 'three'])
  await close()
  const [file = ''] = readdirSync(path)
  const bytes = readFileSync(join(path, file))
  const perRecord = Math.floor(bytes.length / 3)
  for (let bit = 0; bit < 2 * perRecord * 8; bit += 13) {
    const copy = killed(path, String(bit))
    const flipped = Buffer.from(bytes)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    writeFileSync(join(copy, file), flipped)
    const damaged = await open(t, copy)
    const ids = idsOf(await damaged.outbox.read(10))
    if (ids.length !== 2 || ids.at(-1) !== 'three') t.fail(`bit ${bit}: ${ids}`)
    if (damaged.outbox.size !== 2) t.fail(`bit ${bit}: ${damaged.outbox.size} wait`)
    if (damaged.outbox.status().damages !== 1) t.fail(`bit ${bit}: ${JSON.stringify(damaged.outbox.status())}`)
    await damaged.close()
  }
  t.pass('all of them')
})

t.test('an outbox directory is one process’s alone: another gets it when the first has closed', async (t) => {
  const path = join(t.testdir(), 'outbox')
  const first = await open(t, path)
  await append(first.outbox, ['one'])
  const directory = new OutboxDirectory(path)
  await t.rejects(directory.claim(), { code: 'ERR_JOURNAL_LOCKED' })
  await first.close()
  const second = await open(t, path)
  t.strictSame(idsOf(await second.outbox.read(10)), ['one'])
})

t.test(
  'an outbox whose directory another process has complains when it closes only if revocations are lost',
  async (t) => {
    const path = join(t.testdir(), 'outbox')
    await append((await open(t, path)).outbox, ['one'])
    for (const [ids, expected] of [
      [[], []],
      [['lost'], ['outbox closed with unwritten revocations']],
    ] as const) {
      const errors: string[] = []
      const logger = { ...silent('test'), error: (text: string) => void errors.push(text) }
      const more = { name: 'waiting', readable: () => undefined, unkept: () => undefined }
      const outbox = new Outbox({ directory: new OutboxDirectory(path), logger, ...more })
      outbox.open()
      const kept = ids.map((id) => outbox.append(token(id), 1, false).kept.catch(() => undefined))
      await outbox.close()
      await Promise.all(kept)
      t.strictSame(
        errors.filter((text) => text.includes('closed')),
        expected,
      )
    }
  },
)

t.test(
  'what is confirmed as durable is synced: its bytes, its file’s name and its directory’s name',
  process.platform === 'linux' ? {} : { skip: 'reads names of open files through /proc' },
  async (t) => {
    const state = t.testdir()
    const path = join(state, 'outbox')
    /** By path: a file's size, or a directory's names, when it was last synced. */
    const synced = new Map<string, unknown>()
    await interceptSyncs(t, async (file, sync) => {
      const name = readlinkSync(`/proc/self/fd/${file.fd}`)
      const stat = await file.stat()
      const content = stat.isDirectory() ? readdirSync(name) : stat.size
      await sync()
      synced.set(name, content)
    })
    const { outbox } = await open(t, path)
    for (const id of ['one', 'two']) {
      await append(outbox, [id])
      t.match(synced.get(state), ['outbox'])
      t.strictSame(synced.get(path), ['waiting-1'])
      t.equal(synced.get(join(path, 'waiting-1')), statSync(join(path, 'waiting-1')).size)
    }
  },
)
