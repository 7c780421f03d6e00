import dns, { type LookupAddress, type LookupAllOptions } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'

/** Milliseconds for which a failure is the answer to further questions: shorter than people wait for a mended name. */
const FAILED_FOR = 1_000
/** Milliseconds after which a look-up is slow: it holds one of the few threads that there are for look-ups. */
const SLOW_AFTER = 1_000

type Answered = (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void

/** One question to the system, and who waits for its answer. */
interface Question {
  readonly hostname: string
  readonly options: LookupAllOptions
  readonly waiting: Answered[]
  /** Monotonic ms; absent: it waits for its turn. */
  askedAt?: number
}

/**
 * Looks host names up as the system does (`getaddrinfo`), without letting one dead name keep the others away: Node has two
 * threads for all look-ups of a process, and no look-up can be cancelled. All that ask for a name at a time share one look-up;
 * a failure is the answer for a second; of names whose last look-up was slow and failed, one is looked up at a time. An address
 * that was found is not kept.
 */
export class SharedLookup {
  readonly #now: () => number
  /** Under way or waiting for their turn, in order. */
  readonly #questions = new Map<string, Question>()
  readonly #failures = new Map<string, { readonly error: NodeJS.ErrnoException; readonly until: number }>()
  /** Names whose last look-up was slow and failed. */
  readonly #dead = new Set<string>()

  /** @param now monotonic milliseconds */
  constructor(now = () => performance.now()) {
    this.#now = now
  }

  /** To be called as `dns.lookup` is, by `net.connect`. */
  readonly lookup: LookupFunction = (hostname, { all, ...options }, done) => {
    if (isIP(hostname) !== 0) return dns.lookup(hostname, { ...options, all: all === true }, done)
    this.#ask(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses
      if (error !== null || first === undefined) done(error, '')
      else if (all === true) done(null, [...addresses])
      else done(null, first.address, first.family)
    })
  }

  #ask(hostname: string, options: LookupAllOptions, answered: Answered): void {
    const { family = 0, hints = 0, order = '', verbatim = '' } = options
    const key = [hostname, family, hints, order, verbatim].join(' ')
    const failure = this.#failures.get(key)
    if (failure !== undefined && this.#now() < failure.until) {
      return process.nextTick(answered, failure.error, [])
    }
    this.#failures.delete(key)
    const known = this.#questions.get(key)
    if (known !== undefined) return void known.waiting.push(answered)
    this.#questions.set(key, { hostname, options, waiting: [answered] })
    this.#askNext()
  }

  /** Asks what may be asked now. */
  #askNext(): void {
    for (const [key, question] of this.#questions) {
      if (question.askedAt !== undefined) continue
      if (this.#dead.has(question.hostname) && this.#isHeldUp) continue
      question.askedAt = this.#now()
      dns.lookup(question.hostname, question.options, (error, addresses) => this.#over(key, question, error, addresses))
    }
  }

  /** Whether a thread is held by a name that is dead, or seems to be. */
  get #isHeldUp(): boolean {
    const now = this.#now()
    return [...this.#questions.values()].some(
      ({ hostname, askedAt }) => askedAt !== undefined && (this.#dead.has(hostname) || now - askedAt > SLOW_AFTER),
    )
  }

  #over(key: string, question: Question, error: NodeJS.ErrnoException | null, addresses: LookupAddress[] = []): void {
    const { hostname, waiting, askedAt = 0 } = question
    this.#questions.delete(key)
    const now = this.#now()
    if (error !== null) this.#failures.set(key, { error, until: now + FAILED_FOR })
    if (error !== null && now - askedAt > SLOW_AFTER) this.#dead.add(hostname)
    else this.#dead.delete(hostname)
    this.#askNext()
    for (const answered of waiting) answered(error, addresses)
  }
}

/** The look-ups of this process. */
export const { lookup: sharedLookup } = new SharedLookup()
