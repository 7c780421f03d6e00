import { packageFile } from './package-file.js'

/** The version of mgw: its package's. */
export function packageVersion(): string {
  return (JSON.parse(packageFile('package.json')) as { version: string }).version
}
