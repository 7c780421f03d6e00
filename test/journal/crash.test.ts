import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { interceptSyncs } from './file-syncs.js'
import { HOUR, has, NOW, names, older, open, read, write } from './opened-journal.js'

const SUFFIXES = ['', '.length'] as const
type Inodes = readonly (number | undefined)[]

/** A journal and its length record as a disk has them: what was synced, and what was written beyond that. */
class Disk {
  readonly #path: string
  readonly #synced = new Map<number, Buffer>()
  readonly #written = new Map<number, Buffer>()
  #directory: Inodes

  constructor(path: string) {
    this.#path = path
    this.#directory = this.#look()
    for (const [inode, content] of this.#written) this.#synced.set(inode, content)
  }

  /** A file was synced; it need not have one of the journal's names yet. */
  synced(inode: number, content: Buffer): void {
    this.#synced.set(inode, content)
  }

  directorySynced(): void {
    this.#directory = this.#look()
  }

  /** All that a crash of the machine at this moment can leave: each name and each content as synced last or as written. */
  *views(): Generator<readonly (Buffer | undefined)[]> {
    const now = this.#look()
    for (let written = 0; written < 1 << (2 * SUFFIXES.length); written++) {
      yield SUFFIXES.map((_, index) => {
        const inode = ((written >> (2 * index)) & 1 ? now : this.#directory)[index]
        if (inode === undefined) return undefined
        const source = (written >> (2 * index + 1)) & 1 ? this.#written : this.#synced
        return source.get(inode) ?? Buffer.alloc(0)
      })
    }
  }

  /** What a crash leaves of which nothing was written that was not synced. */
  get syncedOnly(): readonly (Buffer | undefined)[] {
    return this.#directory.map((inode) => (inode === undefined ? undefined : this.#synced.get(inode)))
  }

  #look(): Inodes {
    return SUFFIXES.map((suffix) => {
      const path = `${this.#path}${suffix}`
      const inode = statSync(path, { throwIfNoEntry: false })?.ino
      if (inode !== undefined) this.#written.set(inode, readFileSync(path))
      return inode
    })
  }
}

/** Follows what the disk has of a journal. `around` is called before and after each sync. */
async function diskOf(t: Test, path: string, around: () => Promise<void> = async () => {}): Promise<Disk> {
  const disk = new Disk(path)
  await interceptSyncs(t, async (file, sync) => {
    await around()
    await sync()
    const stat = await file.stat()
    if (stat.isDirectory()) disk.directorySynced()
    else disk.synced(stat.ino, readFileSync(`/proc/self/fd/${file.fd}`))
    await around()
  })
  return disk
}

let copies = 0

/** Reads a journal and its length record with these contents. Syncs may overlap: each copy has a directory of its own. */
async function readCopy(t: Test, contents: readonly (Buffer | undefined)[]) {
  const copy = join(t.testdirName, `crashed-${++copies}`)
  mkdirSync(copy)
  try {
    for (const [index, content] of contents.entries()) {
      if (content !== undefined) writeFileSync(join(copy, `journal${SUFFIXES[index]}`), content)
    }
    return await read(join(copy, 'journal'))
  } finally {
    rmSync(copy, { recursive: true })
  }
}

/** Reads what a crash can leave, before and after each sync of what `run` does: all that is `durable` must be there. */
async function crashAtEachSync(t: Test, path: string, durable: readonly string[], run: () => Promise<void>) {
  let crashes = 0
  const crash = async () => {
    const must = [...durable]
    for (const contents of disk.views()) {
      crashes++
      const { damages, loading } = await readCopy(t, contents)
      const lost = must.filter((id) => has(loading.into, id) === undefined)
      const problem = damages[0]?.reason ?? (lost.length > 0 ? `${lost.join(', ')} lost` : undefined)
      if (problem !== undefined) t.fail(`crash ${crashes}: ${problem}`)
    }
  }
  const disk = await diskOf(t, path, crash)
  await run()
  await crash()
  t.pass(`${crashes} crashes`)
}

/** Opens a journal, adds tokens one after the other, each durable before the next, and closes it. */
async function appendDurably(path: string, ids: readonly string[], durable: string[] = []): Promise<void> {
  const { journal, list } = await open(path)
  for (const id of ids) {
    list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
    await journal.flush()
    durable.push(id)
  }
  await journal.close()
}

const options = process.platform === 'linux' ? {} : { skip: 'reads files through /proc' }

t.test(
  'a crash at any sync of a first start and its batches is no damage, and loses nothing durable',
  options,
  async (t) => {
    const path = join(t.testdir(), 'journal')
    const durable: string[] = []
    await crashAtEachSync(t, path, durable, () => appendDurably(path, names(4), durable))
  },
)

t.test(
  'a crash at any sync while an older version’s file is upgraded is no damage, and loses nothing durable',
  options,
  async (t) => {
    const path = join(t.testdir(), 'journal')
    await write(path, ['old'])
    writeFileSync(path, older(readFileSync(path)))
    rmSync(`${path}.length`)
    const durable = ['old']
    await crashAtEachSync(t, path, durable, () => appendDurably(path, names(3), durable))
    t.not(statSync(`${path}.length`, { throwIfNoEntry: false }), undefined)
  },
)

t.test(
  'a crash at any sync while the file is compacted is no damage, and loses nothing durable',
  options,
  async (t) => {
    const path = join(t.testdir(), 'journal')
    const first = await open(path)
    first.journal.note('position', 1) // notes are the last that a compaction writes
    await first.journal.flush()
    first.list.add({ kind: 'token', id: 'old', expiresAt: NOW + HOUR }, 'topic', NOW)
    await first.journal.close()
    // Bytes that a crash has left, with a block behind them: a new file has to be written.
    const bytes = readFileSync(path)
    const { found } = await read(path)
    const block = bytes.subarray((found.contents?.validBytes ?? 0) - 29)
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(9), block]))
    const inode = statSync(path).ino
    const durable = ['old']
    await crashAtEachSync(t, path, durable, () => appendDurably(path, names(3), durable))
    t.not(statSync(path).ino, inode)
  },
)

t.test('a crash leaves a length record that shows when a durable entry is cut off later', options, async (t) => {
  const path = join(t.testdir(), 'journal')
  await write(path, ['old'])
  const disk = await diskOf(t, path)
  const { journal, list } = await open(path)
  t.teardown(() => journal.close())
  list.add({ kind: 'token', id: 'a', expiresAt: NOW + HOUR }, 'topic', NOW)
  await journal.flush()
  const [content, record] = disk.syncedOnly
  t.same((await readCopy(t, [content, record])).damages, [])
  t.match((await readCopy(t, [content?.subarray(0, -1), record])).damages, [{ reason: /truncated|damaged in bytes/ }])
})
