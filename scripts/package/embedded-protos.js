import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** etcd3 reads its .proto files when it is loaded; the bundle has what they say instead. */
const LOADS = /\bloadSync\)\(`\$\{__dirname\}\/([\w./]+\.proto)`, \{([^}]*)\}/g

/** An esbuild plugin. Throws where etcd3 reads its .proto files otherwise than this knows. */
export const embeddedProtos = {
  name: 'embedded-protos',
  setup(build) {
    build.onLoad({ filter: /\/node_modules\/etcd3\/lib\/connection-pool\.js$/ }, async ({ path }) => {
      const protobuf = createRequire(createRequire(path).resolve('@grpc/proto-loader'))('protobufjs')
      let found = 0
      const text = await readFile(path, 'utf8')
      const contents = text.replace(LOADS, (_, file, options) => {
        found++
        // Names as they are written: what proto-loader's keepCase means, and etcd3 asks for.
        const json = new protobuf.Root()
          .loadSync(join(dirname(path), file), { keepCase: /\bkeepCase: true\b/.test(options) })
          .toJSON()
        return `fromJSON)(${JSON.stringify(json)}, {${options}}`
      })
      if (found !== 1) throw new Error(`${path}: expected one loadSync of a .proto file, found ${found}`)
      return { contents, loader: 'js' }
    })
  },
}
