import { X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { ensureSelfSigned, findCertificate, readPublicKey, readTrustStore } from '../../src/certificates/index.js'
import { Secret } from '../../src/config/secret.js'
import { keytool, keytoolKey, LEGACY, missing, openssl, opensslKey, opensslStore, PASSWORD } from './stores.js'

const password = new Secret(PASSWORD)
const NONE = new Secret('')

test('stores of certificates only that keytool makes are read, with their aliases', {
  skip: missing('keytool'),
}, async (t) => {
  const directory = t.testdir()
  const pems = await Promise.all(['a', 'b'].map((name) => ensureSelfSigned(join(directory, name), [`${name}.example`])))
  const check = async (flags: readonly string[]) => {
    const store = join(directory, `trust${flags.length}.p12`)
    for (const [index, { certFile }] of pems.entries()) {
      await keytool(store, '-importcert', '-noprompt', '-alias', `WSO2APIM-${index}`, '-file', certFile, ...flags)
    }
    const trusted = await readTrustStore(store, password)
    t.same(trusted.certificates.map(({ alias }) => alias?.toLowerCase()).sort(), ['wso2apim-0', 'wso2apim-1'])
    t.equal(findCertificate(trusted, 'wso2APIM-1').pem, new X509Certificate(pems[1]?.cert ?? '').toString())
    t.throws(() => findCertificate(trusted, 'other'), { code: 'ERR_CERTIFICATE_ALIAS', message: /WSO2APIM-0/i })
    await t.rejects(readTrustStore(store, new Secret('wrong')), { code: 'ERR_CERTIFICATE_PASSWORD' })
    await t.rejects(readTrustStore(store, NONE), { code: 'ERR_CERTIFICATE_PASSWORD' })
  }
  await Promise.all([check([]), check([LEGACY])])
})

test('the certificate of a key has the key’s alias', { skip: missing('keytool') }, async (t) => {
  const store = join(t.testdir(), 'store.p12')
  await keytoolKey(store, 'issuer', 'issuer.example')
  const { pem } = findCertificate(await readTrustStore(store, password), 'Issuer')
  t.equal(new X509Certificate(pem).subject, 'CN=issuer.example')
})

test('a store of certificates that OpenSSL makes is read, whatever its ciphers', {
  skip: missing('openssl'),
}, async (t) => {
  const directory = t.testdir()
  const { cert } = await opensslKey(directory, 'one')
  for (const flags of [['-legacy'], [], ['-certpbe', 'NONE', '-nomac']]) {
    const store = join(directory, 'trust.p12')
    await opensslStore(store, cert, '-nokeys', '-caname', 'Öne', ...flags)
    const trusted = await readTrustStore(store, password)
    t.same(trusted.certificates, [{ alias: 'Öne', pem: await readFile(cert, 'utf8') }])
    t.ok(findCertificate(trusted, 'öNE'))
  }
})

test('a PEM bundle is a trust store without aliases; its comments are passed over, its damage is not', async (t) => {
  const directory = t.testdir()
  const made = await Promise.all(['a', 'b'].map((name) => ensureSelfSigned(join(directory, name), [name])))
  const bundle = join(directory, 'bundle.pem')
  const [a = '', b = ''] = made.map(({ cert }) => cert.trim())
  await writeFile(bundle, `# authority a\r\n${a.replaceAll('\n', '\r\n')}\r\n# authority b\r\n${b}`)
  const trusted = await readTrustStore(bundle, NONE)
  t.same(
    trusted.certificates.map(({ alias, pem }) => ({ alias, pem: pem.trim() })),
    made.map(({ cert }) => ({ alias: undefined, pem: new X509Certificate(cert).toString().trim() })),
  )
  t.throws(() => findCertificate(trusted, 'a'), { code: 'ERR_CERTIFICATE_ALIAS', message: /no entry has an alias/ })
  await writeFile(bundle, `${a}\n${b.replace(/\n.{10}/, '\n')}`)
  await t.rejects(readTrustStore(bundle, NONE), { code: 'ERR_CERTIFICATE_FORMAT', message: /certificate 2/ })
  await t.rejects(readTrustStore(made[0]?.keyFile ?? '', NONE), { code: 'ERR_CERTIFICATE_NO_CERTIFICATE' })
})

test('two certificates of one alias are not chosen between', async (t) => {
  const entry = (alias: string, pem: string) => ({ alias, pem })
  t.throws(() => findCertificate({ path: 'trust.p12', certificates: [entry('A', '1'), entry('a', '2')] }, 'a'), {
    code: 'ERR_CERTIFICATE_ALIAS',
  })
  t.equal(findCertificate({ path: 'trust.p12', certificates: [entry('A', '1'), entry('a', '1')] }, 'a').pem, '1')
})

test('an issuer’s certificate or public key is read, never its private key', {
  skip: missing('openssl'),
}, async (t) => {
  const directory = t.testdir()
  const { cert, key } = await opensslKey(directory, 'issuer')
  const [pub, der] = [join(directory, 'pub.pem'), join(directory, 'cert.der')]
  await openssl('pkey', '-in', key, '-pubout', '-out', pub)
  await openssl('x509', '-in', cert, '-outform', 'der', '-out', der)
  t.equal(await readPublicKey(cert), await readFile(cert, 'utf8'))
  t.equal(await readPublicKey(der), await readFile(cert, 'utf8'))
  t.match(await readPublicKey(pub), /^-----BEGIN PUBLIC KEY-----/)
  await t.rejects(readPublicKey(key), { code: 'ERR_CERTIFICATE_NO_CERTIFICATE' })
})
