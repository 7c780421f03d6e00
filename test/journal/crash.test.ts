import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type FileHandle, open as openFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { HOUR, has, NOW, names, older, open, read } from './opened-journal.js'

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

  /** All that a crash of the machine at this moment can leave: names and contents, each as synced last or as written. */
  *views(): Generator<readonly (Buffer | undefined)[]> {
    const now = this.#look()
    for (const inodes of [this.#directory, now]) {
      for (let written = 0; written < 1 << SUFFIXES.length; written++) {
        yield inodes.map((inode, index) => {
          if (inode === undefined) return undefined
          const source = (written >> index) & 1 ? this.#written : this.#synced
          return source.get(inode) ?? Buffer.alloc(0)
        })
      }
    }
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

/** Reads what a crash can leave, before and after each sync of what `run` does: all that is `durable` must be there. */
async function crashAtEachSync(t: Test, path: string, durable: readonly string[], run: () => Promise<void>) {
  const probe = await openFile(dirname(path), 'r')
  const handles = Object.getPrototypeOf(probe) as FileHandle
  const { datasync, sync } = handles
  await probe.close()
  const disk = new Disk(path)
  let crashes = 0
  const crash = async () => {
    const must = [...durable]
    for (const contents of disk.views()) {
      crashes++
      const problem = await problemAfter(contents, must)
      if (problem !== undefined) t.fail(`crash ${crashes}: ${problem}`)
    }
  }
  const problemAfter = async (contents: readonly (Buffer | undefined)[], must: readonly string[]) => {
    const copy = join(t.testdirName, 'crashed')
    rmSync(copy, { recursive: true, force: true })
    mkdirSync(copy)
    for (const [index, content] of contents.entries()) {
      if (content !== undefined) writeFileSync(join(copy, `journal${SUFFIXES[index]}`), content)
    }
    const { damages, loading } = await read(join(copy, 'journal'))
    const lost = must.filter((id) => has(loading.into, id) === undefined)
    return damages[0]?.reason ?? (lost.length > 0 ? `${lost.join(', ')} lost` : undefined)
  }
  const around = (real: () => Promise<void>) =>
    async function (this: FileHandle) {
      await crash()
      await real.call(this)
      const stat = await this.stat()
      if (stat.isDirectory()) disk.directorySynced()
      else disk.synced(stat.ino, readFileSync(`/proc/self/fd/${this.fd}`))
      await crash()
    }
  t.intercept(handles, 'datasync', { value: around(datasync) })
  t.intercept(handles, 'sync', { value: around(sync) })
  await run()
  await crash()
  t.pass(`${crashes} crashes`)
}

const options = process.platform === 'linux' ? {} : { skip: 'reads files through /proc' }

t.test(
  'a crash at any sync is no damage, and loses nothing that was durable: first start, batches',
  options,
  async (t) => {
    const path = join(t.testdir(), 'journal')
    const durable: string[] = []
    await crashAtEachSync(t, path, durable, async () => {
      const { journal, list } = await open(path)
      for (const id of names(4)) {
        list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
        await journal.flush()
        durable.push(id)
      }
      await journal.close()
    })
  },
)

t.test('an older version’s file that is upgraded', options, async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  first.list.add({ kind: 'token', id: 'old', expiresAt: NOW + HOUR }, 'topic', NOW)
  await first.journal.close()
  writeFileSync(path, older(readFileSync(path)))
  rmSync(`${path}.length`)
  const durable = ['old']
  await crashAtEachSync(t, path, durable, async () => {
    const { journal, list } = await open(path)
    for (const id of names(3)) {
      list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
      await journal.flush()
      durable.push(id)
    }
    await journal.close()
  })
  t.not(statSync(`${path}.length`, { throwIfNoEntry: false }), undefined)
})

t.test('a file that is written anew', options, async (t) => {
  const path = join(t.testdir(), 'journal')
  const first = await open(path)
  first.list.add({ kind: 'token', id: 'old', expiresAt: NOW + HOUR }, 'topic', NOW)
  await first.journal.close()
  // Bytes that a crash has left, with a block behind them: a new file has to be written.
  const bytes = readFileSync(path)
  const { found } = await read(path)
  const block = bytes.subarray((found.contents?.validBytes ?? 0) - 29)
  writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(9), block]))
  const inode = statSync(path).ino
  const durable = ['old']
  await crashAtEachSync(t, path, durable, async () => {
    const { journal, list } = await open(path)
    for (const id of names(3)) {
      list.add({ kind: 'token', id, expiresAt: NOW + HOUR }, 'topic', NOW)
      await journal.flush()
      durable.push(id)
    }
    await journal.close()
  })
  t.not(statSync(path).ino, inode)
})
