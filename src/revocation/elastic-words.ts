/// <reference lib="es2024.arraybuffer" />

/**
 * Address space that is reserved for words, in multiples of what they need. More would scatter a table over so much of
 * it that the processor's caches of page tables no longer hold the way to each: look-ups would take a sixth longer.
 */
const RESERVED = 4

/** Words whose length {@link resized} changes in place. They are zeros at first. */
export function elasticWords(length: number): Uint32Array<ArrayBuffer> {
  const byteLength = length * Uint32Array.BYTES_PER_ELEMENT
  const buffer = new ArrayBuffer(0, { maxByteLength: RESERVED * byteLength })
  buffer.resize(byteLength)
  return new Uint32Array(buffer)
}

/**
 * The words with another length: those beyond the old one are zeros, those beyond the new one are given back to the
 * operating system. In place, as long as address space is reserved, and never leaving memory behind: V8 would collect all
 * garbage each time that it amounts to 64 MB. `words` must not be used any more.
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
