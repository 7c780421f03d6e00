import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import {
  CertificateError,
  ensureSelfSigned,
  readKeyStore,
  readPublicKey,
  readTrustStore,
} from '../../src/certificates/index.js'
import { Secret } from '../../src/config/secret.js'
import { missing, opensslKey, opensslStore, PASSWORD } from './stores.js'

const password = new Secret(PASSWORD)

/** Reads the bytes in every way; anything but an answer or a CertificateError is a failure. */
async function read(file: string, bytes: Uint8Array): Promise<void> {
  await writeFile(file, bytes)
  for (const reading of [
    () => readKeyStore(file, password),
    () => readTrustStore(file, password),
    () => readPublicKey(file),
  ]) {
    await reading().catch((error: unknown) => {
      if (!(error instanceof CertificateError)) throw error
    })
  }
}

async function damage(file: string, original: Buffer, numRuns: number): Promise<void> {
  const flips = fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(7)), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(flips, fc.option(fc.nat(original.length)), async (places, length) => {
      const bytes = Buffer.from(original.subarray(0, length ?? original.length))
      for (const [at, bit] of places) if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
      await read(file, bytes)
    }),
    { numRuns },
  )
}

test('arbitrary bytes are a CertificateError', async (t) => {
  const file = join(t.testdir(), 'arbitrary')
  const starts = fc.constantFrom('', '30', '3082', '30800201033080', 'feedfeed', '2d2d2d2d2d424547494e20')
  await fc.assert(
    fc.asyncProperty(starts, fc.uint8Array({ maxLength: 300 }), (start, bytes) =>
      read(file, Buffer.concat([Buffer.from(start, 'hex'), bytes])),
    ),
    { numRuns: 300 },
  )
})

test('damaged stores are read or are a CertificateError, whichever bits flip', {
  skip: missing('openssl'),
}, async (t) => {
  const directory = t.testdir()
  const { cert, key } = await opensslKey(directory, 'store')
  // Without a MAC the damage gets further.
  const ways = [
    ['-iter', '1'],
    ['-nomac', '-legacy', '-iter', '1'],
    ['-nomac', '-certpbe', 'NONE', '-keypbe', 'NONE'],
  ]
  for (const flags of ways) {
    const store = join(directory, 'store.p12')
    await opensslStore(store, cert, '-inkey', key, ...flags)
    await damage(join(directory, 'damaged'), await readFile(store), 100)
  }
})

test('damaged PEM files are read or are a CertificateError', async (t) => {
  const directory = t.testdir()
  const { cert, key } = await ensureSelfSigned(join(directory, 'made'))
  await damage(join(directory, 'damaged'), Buffer.from(cert + key), 200)
})

test('a file that asks for hours of hashing is refused at once', { skip: missing('openssl') }, async (t) => {
  const directory = t.testdir()
  const { cert, key } = await opensslKey(directory, 'store')
  const store = join(directory, 'store.p12')
  await opensslStore(store, cert, '-inkey', key, '-iter', '2000001', '-nomac')
  await t.rejects(readKeyStore(store, password), { code: 'ERR_CERTIFICATE_UNSUPPORTED' })
})

test('a megabyte of beginnings and of nesting takes no time', async (t) => {
  const file = join(t.testdir(), 'long')
  await read(file, Buffer.alloc(1 << 20, '-----BEGIN CERTIFICATE-----\n'))
  await read(file, Buffer.alloc(1 << 20, '-----BEGIN -----END -----'))
  await read(file, Buffer.alloc(1 << 20, 0x30))
  await read(file, Buffer.alloc(1 << 20, Buffer.from('3080', 'hex')))
  await read(file, Buffer.concat([Buffer.from('3080020103', 'hex'), Buffer.alloc(1 << 20, Buffer.from('0500', 'hex'))]))
})
