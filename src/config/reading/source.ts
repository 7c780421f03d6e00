import { open } from 'node:fs/promises'
import { codeOf, hasCode } from '../../error-code.js'
import { ConfigError } from '../problems/error.js'

/** Larger files are not configurations. */
const MAX_BYTES = 1_048_576

/** Reads the configuration file. Throws {@link ConfigError} if it is missing, unreadable, too large or not UTF-8. */
export async function readSource(file: string): Promise<string> {
  const fail = (message: string, remedy?: string) =>
    new ConfigError(file, [{ path: '', message, ...(remedy === undefined ? {} : { remedy }) }])
  const bytes = await readBounded(file).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) throw fail('file not found', 'name one with -c')
    if (hasCode(error, 'EACCES', 'EPERM')) throw fail('file is not readable', 'check its permissions')
    if (hasCode(error, 'EISDIR')) throw fail('is a directory', 'name a file in it')
    const code = codeOf(error)
    throw fail(`reading the file failed${code === undefined ? '' : ` (${code})`}`)
  })
  if (bytes.length > MAX_BYTES) throw fail(`file is larger than ${MAX_BYTES} bytes`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw fail('file is not UTF-8', 'save it as UTF-8')
  }
}

/** At most one byte more than allowed, whatever the file is (a pipe has no size). */
async function readBounded(file: string): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    const buffer = Buffer.alloc(MAX_BYTES + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return buffer.subarray(0, length)
  } finally {
    await handle.close()
  }
}
