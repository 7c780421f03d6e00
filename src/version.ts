import { packageFile } from './package-file.js'

let version: string | undefined

/** The version of mgw: its package's, as it was at the first call. Later the file may be that of another version. */
export function packageVersion(): string {
  version ??= (JSON.parse(packageFile('package.json')) as { version: string }).version
  return version
}
