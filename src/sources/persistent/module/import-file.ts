import { pathToFileURL } from 'node:url'
import { constants, Script } from 'node:vm'
import { isExecutable } from '../../../package-file.js'

/** Imports a JavaScript file, ESM or CommonJS, with what it imports. Throws what the file throws, or that it cannot be read. */
export async function importFile(file: string): Promise<unknown> {
  const { href } = pathToFileURL(file)
  return isExecutable ? importFromDisk(href) : import(href)
}

/** In a single executable file `import` finds nothing but parts of Node, unless a script says that it means the disk. */
function importFromDisk(href: string): Promise<unknown> {
  const options = { importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER }
  return new Script('(href) => import(href)', options).runInThisContext()(href)
}
