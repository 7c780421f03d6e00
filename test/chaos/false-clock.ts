import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Debian and others keep it in a folder for the machine's architecture. */
const LIBRARY = 'faketime/libfaketime.so.1'
const DAY = 86_400

/** libfaketime, or `undefined` where it is not installed. */
export function clockLibrary(): string | undefined {
  const folders = ['/usr/lib', '/usr/local/lib', ...subfolders('/usr/lib')]
  return folders.map((folder) => join(folder, LIBRARY)).find((file) => existsSync(file))
}

/** How far a clock may jump, in seconds: an hour, or more than any retention. */
export const JUMPS = [3_600, 40 * DAY, -3_600, -40 * DAY] as const

/** The wall clock of a gateway's processes, which can be set. Their monotonic clock goes on as it does. */
export class FalseClock {
  readonly #file: string
  readonly env: Readonly<Record<string, string>>

  constructor(library: string, file: string) {
    this.#file = file
    this.env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    this.jump(0)
  }

  /** Sets it so many seconds away from the time. Takes a second to be seen. */
  jump(seconds: number): void {
    writeFileSync(this.#file, `${seconds < 0 ? '' : '+'}${seconds}\n`)
  }
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}
