/// <reference lib="es2024.arraybuffer" />

/**
 * Address space to reserve, as a multiple of the initial length. More would scatter a table over so many pages that the
 * processor's TLB no longer holds them: look-ups would take a sixth longer.
 */
const RESERVED = 4

/** Words, initially zero, whose length {@link resized} changes in place. */
export function elasticWords(length: number): Uint32Array<ArrayBuffer> {
  const byteLength = length * Uint32Array.BYTES_PER_ELEMENT
  const buffer = new ArrayBuffer(0, { maxByteLength: RESERVED * byteLength })
  buffer.resize(byteLength)
  return new Uint32Array(buffer)
}

/**
 * Changes the length of words: new ones are zero, the memory of removed ones returns to the operating system. In place while
 * the reserved address space lasts; else it moves them and frees the old memory at once, as V8 would run a full garbage
 * collection for every 64 MB left behind. Do not use `words` afterwards.
 */
export function resized(words: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const { buffer } = words
  const byteLength = length * Uint32Array.BYTES_PER_ELEMENT
  if (byteLength <= buffer.maxByteLength) {
    buffer.resize(byteLength)
    return words
  }
  const elsewhere = elasticWords(length)
  elsewhere.set(words)
  buffer.resize(0)
  return elsewhere
}
