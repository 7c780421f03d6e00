/// <reference lib="es2024.arraybuffer" />

/**
 * Address space, not memory: what words can become without moving, bytes. A thousand of these are 4 GB of the 128 TB that
 * a process has.
 */
const RESERVED = 2 ** 22

/** Words whose length {@link resized} changes in place: they follow their buffer's. They are zeros at first. */
export function elasticWords(length: number, reserved = RESERVED): Uint32Array<ArrayBuffer> {
  const byteLength = length * Uint32Array.BYTES_PER_ELEMENT
  return new Uint32Array(new ArrayBuffer(byteLength, { maxByteLength: Math.max(reserved, byteLength) }))
}

/**
 * The words with another length: those beyond the old one are zeros, those beyond the new one are given back to the
 * operating system. In place, as long as there is address space: so growing neither copies nor leaves a buffer behind, of
 * which a few hundred would make V8 collect all garbage each time.
 */
export function resized(words: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const byteLength = length * Uint32Array.BYTES_PER_ELEMENT
  if (byteLength <= words.buffer.maxByteLength) {
    words.buffer.resize(byteLength)
    return words
  }
  const elsewhere = elasticWords(length, 4 * byteLength)
  elsewhere.set(words)
  return elsewhere
}
