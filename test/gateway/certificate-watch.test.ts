import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CertificateWatch } from '../../src/gateway/certificate-watch.js'
import { silent } from '../../src/logging/index.js'

t.test('files that change are read until that works, and not before they change', async (t) => {
  const directory = t.testdir({ crt: 'first', key: 'first' })
  const [certFile, keyFile] = [join(directory, 'crt'), join(directory, 'key')]
  let calls = 0
  let works = true
  const errors: string[] = []
  const logger = { ...silent('x'), error: (text: string) => void errors.push(text) }
  const watch = new CertificateWatch(
    async () => {
      calls++
      if (!works) throw new Error('no match')
    },
    logger,
    2 ** 30,
  )
  t.teardown(() => watch.stop())
  await watch.look()
  t.equal(calls, 0, 'nothing has been read yet')
  await watch.read({ listenerConfig: { certFile, keyFile } } as Parameters<CertificateWatch['read']>[0])
  await watch.look()
  t.equal(calls, 0, 'nothing has changed')
  works = false
  writeFileSync(certFile, 'the second')
  await watch.look()
  await watch.look()
  t.equal(calls, 2, 'tried again')
  t.equal(errors.length, 1, 'and logged once')
  rmSync(keyFile)
  await watch.look()
  t.equal(errors.length, 2)
  works = true
  writeFileSync(keyFile, 'the second')
  await watch.look()
  await watch.look()
  t.equal(calls, 4)
})
