import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'

/** Nobody builds the image here; what can be told without an engine is told. */

const dockerfile = readFileSync('Dockerfile', 'utf8')
const [build = '', image = ''] = dockerfile.split(/^(?=FROM )/m).filter((stage) => stage.startsWith('FROM '))
const copied = (stage: string) =>
  [...stage.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '))

t.test('every path that the Dockerfile copies exists', async (t) => {
  for (const name of [...copied(build), ...copied(image)]) t.ok(existsSync(name), name)
})

t.test('the build has everything that is compiled, and runs nothing that was not copied', async (t) => {
  const { include } = JSON.parse(readFileSync('tsconfig.json', 'utf8')) as { include: string[] }
  for (const folder of ['tsconfig.json', 'package.json', 'package-lock.json', ...include]) {
    t.ok(copied(build).includes(folder), folder)
  }
  t.notMatch(build, /npm (run|start|test)/, 'they need scripts/, which installs anew')
})
