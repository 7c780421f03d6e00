/** Something to tell the operator about a definition: where, what, and what to do about it. Holds no secret. */
export interface DefinitionProblem {
  readonly file: string
  readonly line?: number
  readonly message: string
  readonly remedy?: string
}

/** API definitions that cannot be loaded as they stand. Lists every problem of every file. */
export class DefinitionError extends Error {
  readonly code = 'ERR_API_DEFINITION'
  readonly problems: readonly DefinitionProblem[]

  constructor(problems: readonly DefinitionProblem[]) {
    super(`API definitions: ${problems.map(formatProblem).join('\n')}`)
    this.name = 'DefinitionError'
    this.problems = problems
  }
}

/** `petstore.yaml:12: what is wrong (what to do)` */
export function formatProblem({ file, line, message, remedy }: DefinitionProblem): string {
  const place = line === undefined ? file : `${file}:${line}`
  return `${place}: ${message}${remedy === undefined ? '' : ` (${remedy})`}`
}

/**
 * Gathers what there is to say while definitions are read, so that one run tells all of it. What is said again, since
 * many operations share the place that it is about, is kept once.
 */
export class Report {
  readonly errors: DefinitionProblem[] = []
  readonly warnings: DefinitionProblem[] = []
  /** What needs no attention, and explains what the gateway does. */
  readonly notes: DefinitionProblem[] = []
  readonly #told = new Set<string>()

  error(problem: DefinitionProblem): void {
    if (this.isFirst(problem.file, formatProblem(problem))) this.errors.push(problem)
  }

  warn(problem: DefinitionProblem): void {
    if (this.isFirst(problem.file, formatProblem(problem))) this.warnings.push(problem)
  }

  note(note: DefinitionProblem): void {
    if (this.isFirst(note.file, formatProblem(note))) this.notes.push(note)
  }

  /** Whether `topic` comes up for the first time in `file`: what is said of each operation would drown the rest. */
  isFirst(file: string, topic: string): boolean {
    const key = `${file}\n${topic}`
    if (this.#told.has(key)) return false
    this.#told.add(key)
    return true
  }
}
