/** Digits of the smallest integer that a double may not hold exactly. */
const MANY_DIGITS = /\d{16}/
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const INTEGER = /^-?\d+$/

/**
 * Parses JSON as `JSON.parse` does, but an integer that a double cannot hold exactly becomes the string of its digits: as a
 * number it would be another one. Throws a SyntaxError.
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  return MANY_DIGITS.test(text) ? (JSON.parse(withQuotedIntegers(text)) as unknown) : value
}

/** A number as text: an integer by its digits, however large. `undefined` for what JSON has no number for. */
export function numberText(value: number): string | undefined {
  if (!Number.isFinite(value)) return undefined
  return Number.isInteger(value) ? String(BigInt(value)) : String(value)
}

/** @param text valid JSON */
function withQuotedIntegers(text: string): string {
  let quoted = ''
  let copied = 0
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (c === 0x22 /* " */) at = endOfString(text, at)
    else if (c === 0x2d /* - */ || (c >= 0x30 && c <= 0x39)) {
      NUMBER.lastIndex = at
      const number = NUMBER.exec(text)?.[0] ?? ''
      if (INTEGER.test(number) && !Number.isSafeInteger(Number(number))) {
        quoted += `${text.slice(copied, at)}"${number}"`
        copied = at + number.length
      }
      at += number.length - 1
    }
  }
  return quoted + text.slice(copied)
}

/** The index of the quotation mark that ends the string which begins at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1
  while (text.charCodeAt(end) !== 0x22) end += text.charCodeAt(end) === 0x5c /* \ */ ? 2 : 1
  return end
}
