import { X509Certificate } from 'node:crypto'
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import { ensureSelfSigned } from '../../src/certificates/self-signed.js'

const DAY = 86_400_000

test('a key and a certificate are made once, with the modes of secrets, and found again', async (t) => {
  const directory = join(t.testdir(), 'state', 'tls')
  const made = await ensureSelfSigned(directory)
  t.equal(made.created, true)
  t.equal((await stat(directory)).mode & 0o777, 0o700)
  t.equal((await stat(made.keyFile)).mode & 0o777, 0o600)
  t.equal(await readFile(made.keyFile, 'utf8'), made.key)
  t.equal(await readFile(made.certFile, 'utf8'), made.cert)
  t.same(await ensureSelfSigned(directory), { ...made, created: false })
  t.equal((await readdir(directory)).length, 2)
})

test('clients that trust the certificate reach the server under each of its names', async (t) => {
  const { cert, key } = await ensureSelfSigned(t.testdir())
  const server = createServer({ cert, key }, (_, response) => response.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  for (const servername of ['localhost', '127.0.0.1', '::1']) {
    const status = await new Promise((resolve, reject) => {
      const host = { host: '127.0.0.1', port, ca: cert, headers: { host: servername } }
      get({ ...host, ...(servername === 'localhost' ? { servername } : {}) }, (response) => {
        response.resume()
        resolve(response.statusCode)
      }).on('error', reject)
    })
    t.equal(status, 200)
  }
  const certificate = new X509Certificate(cert)
  t.ok(certificate.checkIP('::1'))
  t.notOk(certificate.ca)
})

test('one that has, or is about to, run out is replaced and set aside', async (t) => {
  const directory = t.testdir()
  const now = Date.now()
  const first = await ensureSelfSigned(directory, ['localhost'], now)
  t.equal((await ensureSelfSigned(directory, ['localhost'], now + 700 * DAY)).created, false)
  const second = await ensureSelfSigned(directory, ['localhost'], now + 800 * DAY)
  t.equal(second.created, true)
  t.not(second.key, first.key)
  t.equal(await readFile(`${first.certFile}.old`, 'utf8'), first.cert)
  t.equal(await readFile(`${first.keyFile}.old`, 'utf8'), first.key)
})

test('one that lacks a host, or whose files do not belong together, is replaced', async (t) => {
  const directory = t.testdir()
  await ensureSelfSigned(directory, ['localhost'])
  const { certFile, created } = await ensureSelfSigned(directory, ['localhost', 'gateway.example'])
  t.equal(created, true)
  const other = await ensureSelfSigned(join(t.testdirName, 'other'), ['localhost', 'gateway.example'])
  await writeFile(certFile, other.cert)
  t.equal((await ensureSelfSigned(directory, ['localhost'])).created, true)
})

test('damaged files are replaced', async (t) => {
  const directory = t.testdir()
  let { certFile, keyFile } = await ensureSelfSigned(directory)
  for (const damage of [
    () => truncate(keyFile, 50),
    () => truncate(certFile, 0),
    () => writeFile(certFile, Buffer.alloc(1000, 0xff)),
  ]) {
    await damage()
    const { created, ...files } = await ensureSelfSigned(directory)
    t.equal(created, true)
    ;({ certFile, keyFile } = files)
    t.equal((await ensureSelfSigned(directory)).created, false)
  }
})

test('a directory that can not be made is the error of the file system', async (t) => {
  const directory = t.testdir({ file: '' })
  await t.rejects(ensureSelfSigned(join(directory, 'file', 'tls')), { code: 'ENOTDIR' })
})
