import { readFile, stat } from 'node:fs/promises'
import { parseJson } from './json.js'
import type { Report } from './problem.js'
import { parseYaml } from './yaml.js'

/** More than twice the largest in any catalogue (GitHub's, 14 MB): reading is bounded. */
export const MAX_DEFINITION_BYTES = 32 * 1024 * 1024

/** A step from a value to one inside it. */
export type Step = string | number

/** A parsed text that still knows on which line a value stands. */
export interface ParsedText {
  /** Maps are `Map`s, so that no key (`__proto__`) means more than its text. */
  readonly root: unknown
  /** The line, from 1, of the value at `path`, or of the innermost value around it that is written out. */
  lineOf(path: readonly Step[]): number | undefined
  /** A scalar as it is written: `1.0` stays `1.0`, where as a number it is 1. */
  textOf(path: readonly Step[]): string | undefined
}

/** A definition's text, parsed, and where to say what is wrong with it. */
export class DefinitionSource {
  readonly file: string
  readonly report: Report
  readonly text: ParsedText

  constructor(file: string, report: Report, text: ParsedText) {
    this.file = file
    this.report = report
    this.text = text
  }
}

/** Reads a file. What is wrong with it goes to the report, and `undefined` comes back. */
export async function readDefinition(file: string, report: Report): Promise<DefinitionSource | undefined> {
  let text: string
  try {
    const status = await stat(file)
    if (!status.isFile()) return fail(report, file, 'not a regular file')
    if (status.size > MAX_DEFINITION_BYTES) return fail(report, file, `larger than ${MAX_DEFINITION_BYTES} bytes`)
    text = await readFile(file, 'utf8')
  } catch (error) {
    return fail(report, file, `reading failed: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
  }
  return parseDefinition(file, text, report)
}

/** As {@link readDefinition}, of a text that is there: JSON, or YAML. */
export function parseDefinition(file: string, text: string, report: Report): DefinitionSource | undefined {
  const json = parseJson(text.replace(/^\uFEFF/, ''))
  for (const line of json?.duplicates ?? []) report.error({ file, line, message: 'duplicate key in an object' })
  if (json !== undefined) return json.duplicates.length > 0 ? undefined : new DefinitionSource(file, report, json)
  try {
    const yaml = parseYaml(text)
    if ('root' in yaml) return new DefinitionSource(file, report, yaml)
    for (const { line, message } of yaml) {
      // What else is wrong on a line mostly comes of its first error.
      if (report.isFirst(file, `syntax of line ${line}`)) report.error({ file, line, message: withoutContent(message) })
    }
    return undefined
  } catch (error) {
    // A nesting too deep for the stack, aliases too many or without an anchor.
    return fail(report, file, withoutContent((error as Error).message))
  }
}

function fail(report: Report, file: string, message: string): undefined {
  report.error({ file, message })
  return undefined
}

/** The parser ends some messages with what it read, after a colon: that may be a password. */
function withoutContent(message: string): string {
  return message.split(/[:\n]/, 1)[0] ?? message
}
