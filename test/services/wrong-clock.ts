import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const LIBRARIES = '/usr/lib'

/** A process's clock that is set wrong, by libfaketime: all but the monotonic one. */
export interface WrongClock {
  /** For the process. */
  readonly env: Record<string, string>
  /** Sets it so many milliseconds ahead of the machine's, from now on. */
  set(ahead: number): void
}

/** Says why a test must be skipped because libfaketime is not installed; with MGW_REQUIRE_SERVICES=1 that is a failure. */
export function wrongClockMissing(): string | false {
  if (library() !== undefined) return false
  if (process.env.MGW_REQUIRE_SERVICES === '1') throw new Error('libfaketime must be installed')
  return 'libfaketime is not installed'
}

/** @param directory for the file by which it is set */
export function wrongClock(directory: string, ahead: number): WrongClock {
  const file = join(directory, 'clock')
  const set = (ms: number) => writeFileSync(file, `${ms < 0 ? '' : '+'}${Math.round(ms / 1000)}\n`)
  set(ahead)
  const env = {
    LD_PRELOAD: library() ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  return { env, set }
}

function library(): string | undefined {
  if (!existsSync(LIBRARIES)) return undefined
  return readdirSync(LIBRARIES)
    .map((name) => join(LIBRARIES, name, 'faketime/libfaketime.so.1'))
    .find((path) => existsSync(path))
}
