import { execFileSync } from 'node:child_process'

/** Why a process's files can't be limited here; `false` if they can. */
export function fileSizeLimitMissing(): string | false {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'prlimit (util-linux) is not installed'
  }
}

/** From now on no file of the process grows beyond so many bytes: to it that is a full disk. `unlimited` gives room again. */
export function limitFileSize(pid: number | undefined, bytes: number | 'unlimited'): void {
  // Without a listener of ours, those of the test runner end this process.
  if (pid === process.pid && process.listenerCount('SIGXFSZ', ignore) === 0) process.on('SIGXFSZ', ignore)
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`])
}

function ignore(): void {}
