import { codeOf } from '../error-code.js'

/** What a shell reports of a process that SIGPIPE has ended. Node ignores that signal. */
const ENDED_BY_SIGPIPE = 141
const WRITE_FAILED = 1

/**
 * Prints a line to standard output. When its reader has gone (`| head -1`) the process ends, with the exit status that it has so
 * far, or 141; where a line cannot be written otherwise, with 1 and a line on standard error.
 */
export function print(line: string): void {
  write(`${line}\n`)
}

/** As {@link print}, and ends the process when all is written: what a store module has left open does not keep it. */
export function printAndExit(line: string, status: number): void {
  process.exitCode = status
  write(`${line}\n`, () => process.exit())
}

/** Prints a line to standard error, if it can be written. */
export function printError(line: string): void {
  writeError(`${line}\n`)
}

/** Writes text to standard output; see {@link print}. */
export function write(text: string, written?: () => void): void {
  listen(process.stdout, endWith)
  try {
    process.stdout.write(text, (error) => (error ? undefined : written?.()))
  } catch (error) {
    endWith(error)
  }
}

/** Writes text to standard error, if it can be written. */
export function writeError(text: string, written?: () => void): void {
  listen(process.stderr, ignore)
  try {
    process.stderr.write(text, () => written?.())
  } catch {
    written?.() // nobody can be told
  }
}

/** Not before something is written: a gateway writes its logs to the same file by itself. */
function listen(stream: NodeJS.WriteStream, listener: (error: Error) => void): void {
  if (!stream.listeners('error').includes(listener)) stream.on('error', listener)
}

function ignore(): void {}

function endWith(error: unknown): void {
  const code = codeOf(error) ?? 'unknown error'
  if (code === 'EPIPE') process.exit(process.exitCode ?? ENDED_BY_SIGPIPE)
  writeError(`mgw: cannot write to standard output (${code})\n`)
  process.exit(WRITE_FAILED)
}
