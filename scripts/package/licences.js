import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The licences of the packages in these directories, and of Node: the executable contains them all. */
export function licences(root, directories, nodeDirectory) {
  const parts = directories.map((directory) => licence(join(root, directory)))
  const node = readFileSync(join(nodeDirectory, 'LICENSE'), 'utf8')
  return [readFileSync(join(root, 'LICENSE'), 'utf8'), ...parts, `Node.js\n\n${node}`].join(`\n${'='.repeat(100)}\n\n`)
}

function licence(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8'))
  return [`${name} ${version}, ${license ?? 'see below'}`, ...texts].join('\n\n')
}
