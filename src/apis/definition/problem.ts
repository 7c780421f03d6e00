/** Something to tell the operator about a definition: where, what, and what to do about it. Holds no secret. */
export interface DefinitionProblem {
  readonly file: string
  readonly line?: number
  readonly message: string
  readonly remedy?: string
  /** Further lines of the file that the same is to be said of, as many as are named, and how many there are. */
  readonly further?: { readonly lines: readonly number[]; readonly count: number }
}

/** Further places that a message names. */
const MAX_NAMED = 4

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

/** `petstore.yaml:12: what is wrong (what to do); also on lines 20, 31 and 7 more` */
export function formatProblem({ file, line, message, remedy, further }: DefinitionProblem): string {
  const place = line === undefined ? file : `${file}:${line}`
  return `${place}: ${message}${remedy === undefined ? '' : ` (${remedy})`}${formatFurther(further)}`
}

function formatFurther(further: DefinitionProblem['further']): string {
  if (further === undefined) return ''
  const { lines, count } = further
  const more = count > lines.length ? ` and ${count - lines.length} more` : ''
  return `; also on line${count === 1 ? '' : 's'} ${lines.join(', ')}${more}`
}

/**
 * Gathers what there is to say while definitions are read, so that one run tells all of it: each cause once, with the
 * places where it stands.
 */
export class Report {
  readonly #errors = new Causes()
  readonly #warnings = new Causes()
  readonly #notes = new Causes()
  readonly #told = new Set<string>()

  get errors(): readonly DefinitionProblem[] {
    return this.#errors.problems
  }

  get warnings(): readonly DefinitionProblem[] {
    return this.#warnings.problems
  }

  /** What needs no attention, and explains what the gateway does. */
  get notes(): readonly DefinitionProblem[] {
    return this.#notes.problems
  }

  error(problem: DefinitionProblem): void {
    this.#errors.add(problem)
  }

  warn(problem: DefinitionProblem): void {
    this.#warnings.add(problem)
  }

  note(note: DefinitionProblem): void {
    this.#notes.add(note)
  }

  /** Whether `topic` comes up for the first time in `file`: what is said of each operation would drown the rest. */
  isFirst(file: string, topic: string): boolean {
    const key = `${file}\n${topic}`
    if (this.#told.has(key)) return false
    this.#told.add(key)
    return true
  }
}

/** Problems, those of one file that say the same as one. */
class Causes {
  readonly #causes = new Map<string, { readonly first: DefinitionProblem; readonly lines: Set<number> }>()

  get problems(): readonly DefinitionProblem[] {
    return [...this.#causes.values()].map(({ first, lines }) => {
      if (lines.size === 0) return first
      return { ...first, further: { lines: [...lines].slice(0, MAX_NAMED), count: lines.size } }
    })
  }

  add(problem: DefinitionProblem): void {
    const { file, message, remedy, line } = problem
    const key = JSON.stringify([file, message, remedy])
    const known = this.#causes.get(key)
    if (known === undefined) this.#causes.set(key, { first: problem, lines: new Set() })
    // Many operations share the place that it is about.
    else if (line !== undefined && line !== known.first.line) known.lines.add(line)
  }
}
