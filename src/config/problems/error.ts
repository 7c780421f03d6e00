/** An error or a warning about the configuration file. */
export interface ConfigProblem {
  /** The key's path, as in `listenerConfig.httpPort` or `jwtTokenConfig[0].issuer`; empty for the file as a whole. */
  readonly path: string
  /** What is wrong. Never holds a value of the file. */
  readonly message: string
  /** What to do. */
  readonly remedy?: string
}

/** A problem that does not stop the gateway. */
export type ConfigWarning = ConfigProblem

/** How many problems the error's text lists; `problems` has all. */
const LISTED = 50

/** An unusable configuration. The message lists all problems, and no value that may be secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'ERR_CONFIG'
  readonly file: string
  readonly problems: readonly ConfigProblem[]

  constructor(file: string, problems: readonly ConfigProblem[]) {
    super(describe(file, problems))
    this.file = file
    this.problems = problems
  }
}

function describe(file: string, problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const lines = problems.slice(0, LISTED).map((problem) => `  - ${describeProblem(problem)}`)
  if (problems.length > LISTED) lines.push(`  - and ${problems.length - LISTED} more`)
  return [`${file}: ${count} in the configuration`, ...lines].join('\n')
}

/** One problem or warning as a line for people (more than one where it shows a line of the file). */
export function describeProblem({ path, message, remedy }: ConfigProblem): string {
  const where = path === '' ? '' : `${path}: `
  const text = remedy === undefined ? message : `${message}; ${remedy}`
  return where + text.replaceAll('\n', '\n    ')
}
