import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { RevocationRecord } from '../../../src/revocation/record.js'
import type { LastListing } from '../../../src/sync/last-listing.js'
import type { Synchronizer } from '../../../src/sync/synchronizer.js'
import { FakeClock } from '../../time/fake-clock.js'
import { ModelGateway } from './gateway.js'
import { RECONNECT, Shelf, Topic } from './places.js'
import { Reference, type ReferenceOptions } from './reference.js'

/** What a run is about. */
export interface Setting extends ReferenceOptions {
  readonly hasWatch: boolean
  /** Whether the store tells what is new since an earlier listing. */
  readonly canCatchUp: boolean
  readonly hasMarks: boolean
  /** Milliseconds until a source is connected to for the first time. */
  readonly connectingTakes: number
  readonly hasJournal: boolean
  readonly topicIsUp: boolean
  readonly storeIsUp: boolean
}

/** What happens. */
export type Step =
  | { readonly does: 'revoke'; readonly token: number; readonly at: 'topic' | 'store' | 'both'; readonly life: number }
  | { readonly does: 'deliver' | 'repeat' | 'batch' | 'cut' | 'restore'; readonly at: 'topic' | 'store' }
  | { readonly does: 'let list'; readonly listable: boolean }
  | { readonly does: 'rewrite' }
  | { readonly does: 'pass'; readonly ms: number }
  | { readonly does: 'restart'; readonly how: 'stop' | 'kill' | 'kill at once' }

/** How gateways may be broken, to see whether that is found out. */
export interface Sabotage {
  readonly synchronizer?: typeof Synchronizer
  readonly forgetsJournal?: boolean
  /** The store is caught up with by a gateway that takes nothing of it. */
  readonly overlooks?: boolean
  /** The marks of listings outlive it elsewhere than in its journal. */
  readonly keepsMarks?: boolean
}

const CONTROLS = ['control one', 'control two']
/** Milliseconds within which all that is up is in sync, whatever was before, if nobody asks for a listing. */
const recovery = ({ refreshInterval, listingTakes }: Setting) =>
  RECONNECT + 31_000 + Math.max(refreshInterval, 20 * listingTakes) + 3 * listingTakes

/** Carries the steps out and throws at the first thing that is not as the reference has it. */
export async function runModel(
  directory: string,
  setting: Setting,
  steps: readonly Step[],
  sabotage: Sabotage = {},
): Promise<void> {
  const run = new Run(directory, setting, sabotage)
  try {
    await run.start()
    for (const step of steps) await run.take(step)
    await run.recover()
  } finally {
    await run.end()
  }
}

let journals = 0

class Run {
  readonly #clock = new FakeClock()
  readonly #setting: Setting
  readonly #sabotage: Sabotage
  readonly #directory: string
  readonly #reference: Reference
  readonly #topic: Topic
  readonly #shelf: Shelf
  /** By id, until when (epoch ms) it is refused at least once it is known. */
  readonly #revoked = new Map<string, number>()
  /** By id, when (epoch ms) the store got it. */
  readonly #storedAt = new Map<string, number>()
  #cancelGrace: () => void = () => undefined
  #journalPath: string
  #gateway: ModelGateway | undefined
  readonly #kept: { last?: LastListing } = {}
  #problems: string[] = []
  #lots = 1

  constructor(directory: string, setting: Setting, sabotage: Sabotage) {
    this.#directory = directory
    this.#setting = setting
    this.#sabotage = sabotage
    this.#journalPath = this.#newPath()
    this.#reference = new Reference(setting)
    const delivered = (record: RevocationRecord) => this.#reference.told(record)
    this.#topic = new Topic(this.#clock, setting.connectingTakes, {
      delivered,
      resync: () => this.#listingDue(),
      status: (status) => {
        this.#reference.topic(status, this.#clock.now())
        this.#listingDue()
      },
    })
    this.#shelf = new Shelf(
      this.#clock,
      { ...setting, overlooks: sabotage.overlooks === true },
      {
        listingBegan: (records) => this.#note(this.#reference.listingBegan(this.#clock.now(), records)),
        listingEnded: (isWhole, caughtUp) => this.#reference.listingEnded(this.#clock.now(), isWhole, caughtUp),
      },
      {
        delivered,
        resync: () => this.#listingDue(),
        returned: () => this.#listingDue(),
        status: (status) => this.#reference.watch(status, this.#clock.now()),
      },
    )
    this.#topic.isUp = setting.topicIsUp
    if (!setting.storeIsUp) this.#shelf.isUp = false
  }

  async start(): Promise<void> {
    const { hasTopic, hasStore, hasJournal } = this.#setting
    if (this.#sabotage.forgetsJournal === true) this.#journalPath = this.#newPath()
    this.#gateway = await ModelGateway.open({
      ...this.#setting,
      clock: this.#clock,
      realtime: hasTopic ? this.#topic : undefined,
      store: hasStore ? this.#shelf.store() : undefined,
      journalPath: hasJournal ? this.#journalPath : undefined,
      marked: (at) => this.#marked(at),
      ...(this.#sabotage.keepsMarks === true ? { keptElsewhere: this.#kept } : {}),
      ...(this.#sabotage.synchronizer === undefined ? {} : { synchronizer: this.#sabotage.synchronizer }),
    })
    this.#reference.started(this.#clock.now(), this.#gateway.inStepAt)
    this.#check('what the journal held')
    this.#cancelGrace = this.#clock.after(this.#setting.startupGrace, () => {
      if (this.#reference.graceEnded()) this.#listingDue()
    })
    this.#gateway.synchronizer.start()
    if (!hasTopic) this.#listingDue()
    await this.#pass(0)
  }

  async take(step: Step): Promise<void> {
    if (step.does === 'pass') await this.#pass(step.ms)
    else if (step.does === 'rewrite') this.#shelf.rewrite()
    else if (step.does === 'restart') await this.#restart(step.how)
    else if (step.does === 'let list') this.#letList(step.listable)
    else if (step.does === 'revoke') this.#revoke(step.token, step.at, step.life)
    else if (step.at === 'topic' && this.#setting.hasTopic) this.#toTopic(step.does)
    else if (step.at === 'store' && this.#setting.hasStore) this.#toStore(step.does)
    await this.#pass(0)
  }

  /** Everything comes back; when the time for that is over nothing is missing. */
  async recover(): Promise<void> {
    const { hasTopic, hasStore } = this.#setting
    if (hasTopic) this.#toTopic('restore')
    if (hasStore) this.#toStore('restore')
    this.#letList(true)
    await this.#pass(recovery(this.#setting))
    const gateway = this.#running()
    for (const [id, { expiresAt }] of this.#shelf.records) {
      if (hasStore && (expiresAt ?? Number.POSITIVE_INFINITY) > this.#clock.now() && !gateway.enforces(id)) {
        throw new Error(`${id} is in the store and passes`)
      }
    }
    const { maxStaleness, listingTakes } = this.#setting
    const isListedInTime = maxStaleness === 0 || maxStaleness > 21 * listingTakes // a listing takes a twentieth of the time
    if (isListedInTime && this.#clock.now() >= gateway.synchronizer.knownUntil)
      throw new Error('all is back and the list is not known')
    if (this.#shelf.mostAtOnce > 1) throw new Error('two listings at one time')
  }

  async end(): Promise<void> {
    await this.#gateway?.close()
  }

  #revoke(token: number, at: 'topic' | 'store' | 'both', life: number): void {
    const id = `token ${token}`
    const expiresAt = life === 0 ? undefined : this.#clock.now() + life
    const record: RevocationRecord = { kind: 'token', id, expiresAt }
    const { hasTopic, hasStore } = this.#setting
    const until = expiresAt ?? Number.POSITIVE_INFINITY
    this.#revoked.set(id, Math.min(until, this.#revoked.get(id) ?? until))
    if (hasStore && at !== 'topic') {
      this.#shelf.put(record)
      this.#storedAt.set(id, this.#clock.now())
      if (this.#shelf.canBeListed) this.#reference.listingDueInTime([record], this.#clock.now())
    }
    if (hasTopic && at !== 'store') this.#topic.announce(record)
  }

  #toTopic(does: 'deliver' | 'repeat' | 'batch' | 'cut' | 'restore'): void {
    if (does === 'deliver') this.#topic.deliver((below) => this.#draw(below))
    else if (does === 'repeat') this.#topic.repeat()
    else if (does === 'batch') this.#topic.resync()
    else if (does === 'restore') this.#topic.isUp = true
    else if (this.#topic.isUp) this.#topic.cut()
  }

  #toStore(does: 'deliver' | 'repeat' | 'batch' | 'cut' | 'restore'): void {
    const { watching } = this.#shelf
    if (does === 'deliver') watching.deliver((below) => this.#draw(below))
    else if (does === 'repeat') watching.repeat()
    else if (does === 'batch') watching.resync()
    else if (does === 'cut' && this.#shelf.isUp) {
      this.#reference.storeLost()
      this.#shelf.isUp = false
    } else if (does === 'restore' && !this.#shelf.isUp) {
      this.#shelf.isUp = true
      this.#dueInTime()
    }
  }

  #letList(listable: boolean): void {
    if (this.#shelf.listable === listable) return
    this.#shelf.listable = listable
    if (listable) this.#dueInTime()
    else this.#reference.storeLost()
  }

  async #restart(how: 'stop' | 'kill' | 'kill at once'): Promise<void> {
    const gateway = this.#running()
    if (how !== 'kill at once') {
      if (how === 'kill') await gateway.settled()
      if (this.#setting.hasJournal) this.#reference.written()
    }
    if (how !== 'stop' && this.#setting.hasJournal) {
      this.#journalPath = this.#newPath()
      gateway.journalTo(this.#journalPath)
    }
    this.#cancelGrace()
    await gateway.close()
    this.#gateway = undefined
    this.#reference.ended()
    await this.start()
  }

  /** Lets time pass from one event to the next, and sees to it after each that all is well. */
  async #pass(ms: number): Promise<void> {
    const end = this.#clock.now() + ms
    for (;;) {
      this.#clock.advance(0)
      await this.#settle()
      this.#note(this.#reference.tick(this.#clock.now()))
      this.#check(`at ${this.#clock.now()}`)
      const next = this.#clock.untilNext()
      if (next === undefined || this.#clock.now() + next > end) break
      this.#clock.advance(next)
    }
    this.#clock.advance(end - this.#clock.now())
    this.#running().sweep()
    this.#check(`at ${this.#clock.now()}`)
  }

  #check(when: string): void {
    const gateway = this.#running()
    const now = this.#clock.now()
    const { must, knownUntil } = this.#reference
    for (const { id, expiresAt } of this.#reference.overdue(now)) {
      const stored = this.#shelf.records.get(id ?? '') // it may have been put again, for a shorter time
      const until = Math.min(expiresAt ?? Number.POSITIVE_INFINITY, stored?.expiresAt ?? Number.POSITIVE_INFINITY)
      if (until > now && !gateway.enforces(id ?? '')) {
        this.#note(`${id}, in the store for long enough, passes`)
      }
    }
    for (const [id, until] of this.#revoked) {
      const isEnforced = gateway.enforces(id)
      if (!isEnforced && (must.get(id) ?? 0) > now) this.#note(`${id} passes`)
      if (isEnforced && !must.has(id)) must.set(id, until)
    }
    for (const id of CONTROLS) if (gateway.enforces(id)) this.#note(`${id} is refused`)
    const is = gateway.synchronizer.knownUntil
    if (is !== knownUntil) this.#note(`the list is known until ${is}, and should be until ${knownUntil}`)
    const problem = this.#problems[0]
    if (problem !== undefined) throw new Error(`${when}: ${problem}`)
  }

  /** All that the store had at `at` must have reached the list, but for what the watch is delivering. */
  #marked(at: number): void {
    const { hasTopic, hasStore } = this.#setting
    if (!hasTopic && !hasStore) this.#note('in sync with nothing')
    if (!hasStore) return
    const now = this.#clock.now()
    for (const [id, { expiresAt }] of this.#shelf.records) {
      if ((this.#storedAt.get(id) ?? 0) >= at || (expiresAt ?? Number.POSITIVE_INFINITY) <= now) continue
      if (this.#shelf.watching.isInFlight(id) || this.#running().enforces(id)) continue
      this.#note(`marked in sync while ${id}, in the store, passes`)
    }
  }

  /** The store can be listed again, and nobody asks for that. */
  #dueInTime(): void {
    if (!this.#shelf.canBeListed) return
    this.#reference.listingDueInTime(this.#shelf.records.values(), this.#clock.now())
  }

  #listingDue(): void {
    this.#reference.asked()
    if (this.#shelf.canBeListed) this.#reference.listingDue(this.#shelf.records.values(), this.#clock.now())
  }

  #note(problem: string | undefined): void {
    if (problem !== undefined) this.#problems.push(problem)
  }

  #running(): ModelGateway {
    if (this.#gateway === undefined) throw new Error('the gateway does not run')
    return this.#gateway
  }

  /** A whole number below `below`, the same ones in each run. */
  #draw(below: number): number {
    this.#lots = (Math.imul(this.#lots, 1_103_515_245) + 12_345) >>> 0
    return (this.#lots >>> 8) % below
  }

  #newPath(): string {
    return join(this.#directory, `journal-${journals++}`)
  }

  /** Lets every promise that is due settle. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await setImmediate()
  }
}
