import { X509Certificate } from 'node:crypto'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { type Test, test } from 'tap'
import {
  CertificateError,
  ensureSelfSigned,
  type KeyStore,
  readKeyPair,
  readKeyStore,
} from '../../src/certificates/index.js'
import { Secret } from '../../src/config/secret.js'
import { keytool, keytoolKey, LEGACY, missing, openssl, opensslKey, opensslStore, PASSWORD } from './stores.js'

const password = new Secret(PASSWORD)
const NONE = new Secret('')
const noKeytool = { skip: missing('keytool') }
const noOpenssl = { skip: missing('openssl') }

/** Shakes hands over TLS with what was read; resolves with the name in the server's certificate. */
async function served(t: Test, { cert, key }: KeyStore, ca = cert): Promise<string> {
  const server = createServer({ cert, key }, (socket) => socket.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', ca, checkServerIdentity: () => undefined }
    const socket = connect(options, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    }).on('error', reject)
  })
}

/** The error of a read that must fail; it never has the password in it. */
async function failure(t: Test, read: Promise<unknown>, secret: string): Promise<CertificateError> {
  const error = await read.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof CertificateError)) throw new Error('no CertificateError')
  t.notMatch(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`, secret)
  return error
}

test('key stores that keytool makes, now and in the days of Java 8, serve TLS', noKeytool, async (t) => {
  for (const flags of [[], [LEGACY]]) {
    const store = join(t.testdir(), 'store.p12')
    await keytoolKey(store, 'Gateway', 'gateway', ...flags)
    const found = await readKeyStore(store, password)
    t.equal(found.alias, 'gateway')
    t.equal(found.keys, 1)
    t.equal(await served(t, found), 'gateway')
    t.equal(
      (await failure(t, readKeyStore(store, new Secret('wrong-guess')), 'wrong-guess')).code,
      'ERR_CERTIFICATE_PASSWORD',
    )
  }
})

test('of several entries the one of the alias is taken, else the first that has a key', noKeytool, async (t) => {
  const directory = t.testdir()
  const [store, issuer] = [join(directory, 'store.p12'), join(directory, 'issuer.pem')]
  await keytoolKey(store, 'one', 'first')
  await keytool(store, '-exportcert', '-rfc', '-alias', 'one', '-file', issuer)
  await keytool(store, '-importcert', '-noprompt', '-alias', 'issuer', '-file', issuer)
  await keytoolKey(store, 'two', 'second')
  await keytool(store, '-genseckey', '-keyalg', 'AES', '-keysize', '128', '-alias', 'a-secret-key')
  const first = await readKeyStore(store, password)
  t.same([first.alias, first.keys], ['one', 2])
  t.equal(await served(t, first), 'first')
  t.equal(await served(t, await readKeyStore(store, password, 'TWO')), 'second')
  const error = await failure(t, readKeyStore(store, password, 'three'), PASSWORD)
  t.equal(error.code, 'ERR_CERTIFICATE_ALIAS')
  t.match(error.message, /"one", "two"/)
  t.equal((await failure(t, readKeyStore(store, password, 'issuer'), PASSWORD)).code, 'ERR_CERTIFICATE_ALIAS')
})

test('Java’s own format is refused with how to convert it', noKeytool, async (t) => {
  const store = join(t.testdir(), 'store.jks')
  await keytoolKey(store, 'gateway', 'gateway', '-storetype', 'JKS', '-keypass', PASSWORD)
  const error = await failure(t, readKeyStore(store, password), PASSWORD)
  t.equal(error.code, 'ERR_CERTIFICATE_JKS')
  t.match(error.message, 'keytool -importkeystore')
})

test('every way in which OpenSSL makes a store is read', noOpenssl, async (t) => {
  const directory = t.testdir()
  const ec = await opensslKey(directory, 'ec')
  const rsa = await opensslKey(directory, 'rsa', ['rsa:2048'])
  const ed = await opensslKey(directory, 'ed', ['ed25519'])
  const store = join(directory, 'store.p12')
  const ways: readonly [string, { cert: string; key: string }, readonly string[]][] = [
    ['rsa', rsa, []],
    ['ec', ec, ['-legacy']],
    ['rsa', rsa, ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-RC2-40']],
    ['ec', ec, ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-192-CBC', '-macalg', 'sha512', '-iter', '1']],
    ['ec', ec, ['-certpbe', 'DES-EDE3-CBC', '-keypbe', 'NONE', '-macalg', 'sha384']],
    ['ec', ec, ['-certpbe', 'NONE', '-keypbe', 'NONE', '-nomac']],
    ['ed', ed, ['-name', 'schlüssel 鍵']],
  ]
  for (const [name, { cert, key }, flags] of ways) {
    await opensslStore(store, cert, '-inkey', key, ...flags)
    const found = await readKeyStore(store, password)
    t.equal(await served(t, found), name, flags.join(' '))
    if (name === 'ed') t.equal(found.alias, 'schlüssel 鍵')
  }
  for (const secret of ['', 'pässwörd 鍵 €']) {
    await opensslStore(store, ec.cert, '-inkey', ec.key, '-passout', `pass:${secret}`)
    t.equal(await served(t, await readKeyStore(store, new Secret(secret))), 'ec', 'an unusual password')
  }
})

test(
  'the issuers that the store has come after the certificate, in their order, and no stranger',
  noOpenssl,
  async (t) => {
    const directory = t.testdir()
    const file = (name: string) => join(directory, name)
    const root = await opensslKey(directory, 'root')
    const stranger = await opensslKey(directory, 'stranger')
    const request = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=leaf']
    await openssl(...request, '-keyout', file('leaf-key.pem'), '-out', file('leaf.csr'))
    const sign = ['x509', '-req', '-in', file('leaf.csr'), '-CA', root.cert, '-CAkey', root.key, '-CAcreateserial']
    await openssl(...sign, '-days', '30', '-out', file('leaf.pem'))
    const certs = [stranger.cert, root.cert, file('leaf.pem')]
    await writeFile(file('all.pem'), (await Promise.all(certs.map((each) => readFile(each, 'utf8')))).join(''))
    await opensslStore(file('store.p12'), file('all.pem'), '-inkey', file('leaf-key.pem'))
    const names = ({ cert }: KeyStore) =>
      cert.match(/-----BEGIN[\s\S]*?-----END.*\n/g)?.map((pem) => new X509Certificate(pem).subject)
    const found = await readKeyStore(file('store.p12'), password)
    t.same(names(found), ['CN=leaf', 'CN=root'])
    t.equal(await served(t, found, await readFile(root.cert, 'utf8')), 'leaf')
    t.same(names(await readKeyPair(file('all.pem'), file('leaf-key.pem'), NONE)), ['CN=leaf', 'CN=root'])
    const error = await failure(t, readKeyPair(stranger.cert, file('leaf-key.pem'), NONE), 'nothing')
    t.equal(error.code, 'ERR_CERTIFICATE_NO_CERTIFICATE')
    t.ok(error.message.includes(`leaf-key.pem: does not belong to the certificate in ${stranger.cert}`), error.message)
  },
)

test('a PEM file with key and certificate is a key store, its key encrypted or not', noOpenssl, async (t) => {
  const directory = t.testdir()
  const { cert, key } = await opensslKey(directory, 'pem')
  const encrypt: readonly (readonly string[])[] = [
    ['pkcs8', '-topk8', '-in', key],
    ['pkcs8', '-topk8', '-in', key, '-v1', 'PBE-SHA1-3DES'],
    ['ec', '-in', key, '-aes128'],
  ]
  const both = join(directory, 'both.pem')
  await writeFile(both, `${await readFile(key, 'utf8')}a comment\r\n${await readFile(cert, 'utf8')}`)
  t.equal(await served(t, await readKeyStore(both, NONE)), 'pem')
  for (const command of encrypt) {
    await openssl(...command, '-out', both, '-passout', `pass:${PASSWORD}`)
    await appendFile(both, await readFile(cert))
    t.equal(await served(t, await readKeyStore(both, password)), 'pem')
    for (const wrong of ['wrong-guess', '']) {
      const error = await failure(t, readKeyStore(both, new Secret(wrong)), 'wrong-guess')
      t.equal(error.code, 'ERR_CERTIFICATE_PASSWORD')
    }
  }
})

test('a file that is no key store is an error that says why', async (t) => {
  const directory = t.testdir({
    'text.p12': 'a text',
    empty: '',
    'torn.pem': '-----BEGIN CERTIFICATE-----\nMIIB',
    'der.p12': Buffer.from('3003020104', 'hex'),
    large: Buffer.alloc((4 << 20) + 1, 0x30),
  })
  const { certFile, keyFile } = await ensureSelfSigned(directory)
  const cases: readonly [string, string][] = [
    [join(directory, 'missing.p12'), 'ERR_CERTIFICATE_FILE_MISSING'],
    [directory, 'ERR_CERTIFICATE_FILE_UNREADABLE'],
    [join(directory, 'large'), 'ERR_CERTIFICATE_FILE_UNREADABLE'],
    [join(directory, 'text.p12'), 'ERR_CERTIFICATE_FORMAT'],
    [join(directory, 'empty'), 'ERR_CERTIFICATE_FORMAT'],
    [join(directory, 'torn.pem'), 'ERR_CERTIFICATE_FORMAT'],
    [join(directory, 'der.p12'), 'ERR_CERTIFICATE_FORMAT'],
    [certFile, 'ERR_CERTIFICATE_NO_KEY'],
    [keyFile, 'ERR_CERTIFICATE_NO_CERTIFICATE'],
  ]
  for (const [file, code] of cases) {
    const error = await failure(t, readKeyStore(file, password), PASSWORD)
    t.equal(error.code, code, file)
    t.ok(error.message.startsWith(`${file}: `))
  }
})
