import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'

/** Whether this is the single executable file that `npm run package` makes: there is no file of ours beside it. */
export const isExecutable = isSea()

/** The package's folder: this file is in `dist/src`, or in `src` where a test imports the sources. */
const root = import.meta.url.endsWith('/dist/src/package-file.js') ? '../../' : '../'

/**
 * The text of a file of this package, by its path in it: from the executable file, or from disk. `scripts/package/package.js`
 * names the files that the executable holds. Throws if there is no such file.
 */
export function packageFile(path: string): string {
  return isExecutable ? getAsset(path, 'utf8') : readFileSync(new URL(root + path, import.meta.url), 'utf8')
}
