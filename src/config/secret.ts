import { inspect } from 'node:util'

const REDACTED = '[redacted]'

/**
 * A value that must never be printed: a password, a token, a broker's URL.
 * Every ordinary way of printing it (string conversion, JSON, `util.inspect`) shows `[redacted]`;
 * only {@link Secret.reveal} gives the value, at the one place that needs it.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value itself. Never pass the result to a log, an error or a metric. */
  reveal(): string {
    return this.#value
  }

  /** Whether there is anything in it: an empty password means that none was configured. */
  get isEmpty(): boolean {
    return this.#value === ''
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [inspect.custom](): string {
    return REDACTED
  }
}
