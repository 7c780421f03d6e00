import type { LineOutput } from '../../logging/index.js'
import { ACCESS_LAYOUTS, type AccessLayout } from './access-layouts.js'
import type { ObservedRequest, Outcome, RequestObserver } from './request-observer.js'

export interface AccessLogOptions {
  readonly format: AccessLayout
  /** Whether lines name the caller: the token's subject and client. */
  readonly caller: boolean
}

/** Writes a line for each request. */
export class AccessLog implements RequestObserver {
  readonly #output: LineOutput
  readonly #options: AccessLogOptions

  constructor(output: LineOutput, options: AccessLogOptions) {
    this.#output = output
    this.#options = options
  }

  over(request: ObservedRequest, outcome: Outcome): void {
    const { format, caller } = this.#options
    this.#output.write(`${ACCESS_LAYOUTS[format](request, outcome, caller)}\n`)
  }
}
