import { ConnectionPath } from './connection-path.js'
import { Standstills, type Stopped } from './standstills.js'
import type { Timeline } from './timeline.js'

/** What a gateway refused so long ago (ms) is in its journal, and in force at every worker. */
export const ENFORCED_AFTER = 500
/** What the broker delivered to a gateway is in force so many milliseconds later, with or without a store. */
export const HEARD_WITHIN = 5_000
/** What etcd holds is in force so many milliseconds later, at a gateway that can reach it. */
export const LISTED_WITHIN = 8_000
/** What must end may end so much (ms) late. */
export const ENDS_WITHIN = 3_000
/** A connection may break for so long (ms) after its process was ended. */
const BREAKS_WITHIN = 2_000
/** A journal that could not be written has caught up so many ms after it can be. */
const WRITES_AGAIN_WITHIN = 5_000
/** A process that takes over has the journal so many ms after the old one has gone: it asks for it every 100 ms. */
const OWNS_WITHIN = 2_000
/** The list counts as known, after that was disturbed, within so many ms. */
const RECOVERS_WITHIN = 6_000

/** One gateway over its lives: what was done to it, and since when it must refuse what. Times are `performance.now()`. */
export class GatewayRecord {
  readonly name: string
  readonly #timeline: Timeline
  readonly #grace: number
  life = 0
  /** Its processes run: neither killed nor stopped as a whole. */
  up = false
  /** When a control token first passed in this life. */
  knownAt = Number.POSITIVE_INFINITY
  #spawnedAt = 0
  #listenedAt = Number.POSITIVE_INFINITY
  #lostWorkers = 0
  /** When something was last done to its processes, or ceased to be. */
  #disturbedAt = 0
  #heardStoreAt = Number.POSITIVE_INFINITY
  /** When it last asked etcd, or etcd last answered. */
  #storeActiveAt = Number.POSITIVE_INFINITY
  /** Whether there is a journal that may stand in for etcd, after the grace. */
  #hasJournal = false
  /** Whether etcd was in reach, and answered, from this life's start until the list was known. */
  #startedInReach = false
  /** When nothing could be written to its disk, last. */
  #unwritable = { from: Number.POSITIVE_INFINITY, until: Number.NEGATIVE_INFINITY }
  /** When its primary was stopped, last. */
  #stoppedAt = Number.NEGATIVE_INFINITY
  readonly #paths = { broker: new ConnectionPath(), etcd: new ConnectionPath() }
  readonly #standstills = new Standstills()
  readonly #endedAt = new Map<number, number>()
  /** Told as revoked, and so kept by the journal or the store. */
  readonly told = new Map<string, number>()
  /** Those of them that the store alone may have kept: nothing could be written to the disk. */
  readonly #toldByStore = new Set<string>()
  /** First refusals. */
  readonly refused = new Map<string, number>()
  /** When the broker delivered it, over a connection that stayed whole until it was in force. */
  readonly delivered = new Map<string, number>()

  /** @param grace milliseconds that it gives its sources before it believes its journal */
  constructor(name: string, timeline: Timeline, grace: number) {
    this.name = name
    this.#timeline = timeline
    this.#grace = grace
  }

  /** A process was started; it listens later. */
  spawned(now: number): void {
    this.#hasJournal ||= this.knows
    this.life++
    this.#spawnedAt = now
    this.#disturbedAt = now
    this.#listenedAt = Number.POSITIVE_INFINITY
    this.knownAt = Number.POSITIVE_INFINITY
    this.#heardStoreAt = Number.POSITIVE_INFINITY
    this.#storeActiveAt = Number.POSITIVE_INFINITY
    this.up = false
    this.#startedInReach = Number.isFinite(this.#paths.etcd.wholeSince)
    this.note(now, `starts (life ${this.life})`)
  }

  listening(now: number): void {
    this.up = true
    this.#listenedAt = now
    this.#disturbedAt = now
    this.note(now, 'listens')
  }

  /** Its primary was killed, and with it, or by its loss, all else. */
  killed(now: number, how = 'killed'): void {
    this.up = false
    this.#end(now, now)
    this.note(now, how)
  }

  /** It drains until `until` at the latest, while another process of the same gateway starts. */
  draining(now: number, until: number): void {
    this.#end(now, until)
    this.note(now, 'drains')
  }

  /** Its journal is gone, or damaged: what no store has may be lost. A header that is damaged can be mended. */
  journalLost(now: number, how: string, isDurable: (token: string) => boolean, mayStandIn = false): void {
    for (const token of this.told.keys()) if (!isDurable(token)) this.told.delete(token)
    this.refused.clear()
    this.delivered.clear()
    this.#hasJournal = mayStandIn && (this.#hasJournal || this.knows)
    this.knownAt = Number.POSITIVE_INFINITY
    this.note(now, `journal ${how}`)
  }

  /** Processes of it stand still. A primary that does writes nothing, and hears nothing. */
  stopped(what: Stopped, now: number): void {
    if (what === 'all') this.up = false
    if (what !== 'worker') {
      this.#stoppedAt = now
      this.#forgetSince(now - ENFORCED_AFTER)
      this.cutOff('broker', now)
      this.cutOff('etcd', now)
    }
    this.#standstills.begin(what, now)
    this.#disturbedAt = now
    this.note(now, `${what} stopped`)
  }

  resumed(what: Stopped, now: number): void {
    if (what !== 'worker') {
      // What the disk had not taken before is written from now on.
      const { from, until } = this.#unwritable
      if (this.#stoppedAt < until + WRITES_AGAIN_WITHIN) this.#unwritable = { from, until: Math.max(until, now) }
      this.reconnected('broker', now)
      this.reconnected('etcd', now)
    }
    this.up = true
    this.#standstills.end(now)
    this.#disturbedAt = now
    this.note(now, `${what} resumed`)
  }

  /** One of its workers was killed: until another listens in its place, nobody may. */
  workerLost(now: number): void {
    this.#lostWorkers++
    this.disturbed(now, 'has a worker killed')
  }

  workerReplaced(now: number): void {
    this.#lostWorkers--
    this.disturbed(now, 'has all its workers again')
  }

  /** Something else was done to it that breaks connections or delays answers. */
  disturbed(now: number, what: string): void {
    this.#disturbedAt = now
    this.note(now, what)
  }

  diskUnwritable(now: number, how: string): void {
    this.#unwritable = { from: now, until: Number.POSITIVE_INFINITY }
    this.note(now, how)
  }

  diskWritable(now: number): void {
    this.#unwritable.until = now
    this.note(now, 'has a disk that can be written to')
  }

  /** The old process has gone, and the new one can have the journal: what it learns before that is in memory only. */
  tookOver(now: number): void {
    if (this.#unwritable.until + WRITES_AGAIN_WITHIN < now + OWNS_WITHIN) {
      this.#unwritable = { from: now, until: now + OWNS_WITHIN - WRITES_AGAIN_WITHIN }
    }
    this.note(now, 'the old process has gone')
  }

  /** The way to a source is broken. May overlap with others that do the same. */
  cutOff(source: 'broker' | 'etcd', now: number): void {
    this.#paths[source].break()
    if (source === 'etcd' && !this.knows) this.#startedInReach = false
    // What the topic's connection has not brought by now may be lost with it.
    if (source === 'broker') dropSince(this.delivered, now - HEARD_WITHIN)
  }

  reconnected(source: 'broker' | 'etcd', now: number): void {
    this.#paths[source].mend(now)
  }

  /** A connection of it to etcd was accepted. */
  askedStore(now: number): void {
    this.#storeActiveAt = now
  }

  /** Bytes of etcd have come through to it. */
  heardStore(now: number): void {
    if (!this.knows) this.#startedInReach = this.#wasInReach(now)
    this.#heardStoreAt = Math.min(this.#heardStoreAt, now)
    this.#storeActiveAt = now
  }

  /** A control token has passed. */
  passedControl(now: number): void {
    if (this.knows) return
    this.#startedInReach = this.#wasInReach(now)
    this.knownAt = now
    this.note(now, 'knows its list')
  }

  /** Whether what is published now reaches it by the topic, as far as it has subscribed. */
  hearsTopicSince(publishedAt: number): boolean {
    return this.up && this.#listenedAt <= publishedAt && this.#paths.broker.wholeSince <= publishedAt
  }

  /** Whether a control token has passed since its last start. */
  get knows(): boolean {
    return Number.isFinite(this.knownAt)
  }

  /** Whether it has the right not to answer a request that was sent then. */
  mayBeSilent(life: number, sentAt: number): boolean {
    const isDisturbed = this.#standstills.now || this.#lostWorkers > 0 || this.#disturbedAt + BREAKS_WITHIN >= sentAt
    return !this.up || this.life !== life || isDisturbed
  }

  /** Whether it has the right to say that it does not know its list to what was sent then. */
  mayBeIgnorant(life: number, sentAt: number): boolean {
    const isDisturbed = this.#standstills.now || this.#lostWorkers > 0 || sentAt <= this.#disturbedAt + RECOVERS_WITHIN
    return !this.up || life !== this.life || isDisturbed || sentAt <= this.knownAt
  }

  /** Whether it can have known, at `at`, neither by etcd nor by a journal that is to be believed. */
  couldNotKnow(life: number, at: number): boolean {
    if (life !== this.life || this.#heardStoreAt <= at) return false
    return !this.#hasJournal || at < this.#spawnedAt + this.#grace
  }

  /** Why it can't let anything pass at `at`, whatever the token. */
  mustNotServe(life: number, at: number): string | undefined {
    if (at > (this.#endedAt.get(life) ?? Number.POSITIVE_INFINITY) + ENDS_WITHIN) return `life ${life} had ended`
    return this.#standstills.leaseOver(at, ENDS_WITHIN) ? 'the lease of its workers was over' : undefined
  }

  /** Whether what left at `at` may have been judged by a worker that stood still. */
  stoodStill(at: number): boolean {
    return this.#standstills.excuse(at)
  }

  /** Why a request with this token, sent at `at`, has to be refused, if it has to. `durableAt`: when etcd had it. */
  mustRefuse(token: string, life: number, at: number, durableAt: number | undefined): string | undefined {
    const told = this.told.get(token)
    const isByStore = this.#toldByStore.has(token)
    if (told !== undefined && at >= told && !isByStore) return `it had said "revoked" ${ago(at, told)}`
    if (this.stoodStill(at)) return undefined
    const refused = this.refused.get(token)
    if (refused !== undefined && at >= refused + ENFORCED_AFTER) return `it had refused it ${ago(at, refused)}`
    const delivered = this.delivered.get(token)
    if (delivered !== undefined && at >= delivered + HEARD_WITHIN) {
      return `the broker had delivered it ${ago(at, delivered)}`
    }
    return this.#storeDemands(life, at, isByStore ? told : durableAt)
  }

  /** Told as revoked, and kept by its journal as well. */
  get toldForGood(): string[] {
    return [...this.told.keys()].filter((token) => !this.#toldByStore.has(token))
  }

  #storeDemands(life: number, at: number, durableAt: number | undefined): string | undefined {
    if (durableAt === undefined || life !== this.life) return undefined
    if (durableAt < this.#spawnedAt && this.#wasInReach(at)) return 'etcd, in reach, had it before this life began'
    const inReach = Math.max(durableAt, this.#paths.etcd.wholeSince, this.#listenedAt)
    return at >= inReach + LISTED_WITHIN ? `etcd, in reach, had had it for ${Math.round(at - inReach)} ms` : undefined
  }

  note(now: number, text: string, token?: string): void {
    this.#timeline.note(now, `${this.name} ${text}`, token)
  }

  /** Whether etcd was in reach all the time until `at`, and not silent for so long that the journal may be believed. */
  #wasInReach(at: number): boolean {
    return this.#startedInReach && (this.knows || at - this.#storeActiveAt < this.#grace)
  }

  #end(now: number, until: number): void {
    this.#disturbedAt = now
    this.#endedAt.set(this.life, until)
    this.#standstills.end(now)
    const { from, until: writableAt } = this.#unwritable
    const wrote = now >= writableAt + WRITES_AGAIN_WITHIN
    this.#forgetSince((wrote ? now : Math.min(now, from)) - ENFORCED_AFTER)
    if (!wrote) for (const [token, at] of this.told) if (at >= from) this.#toldByStore.add(token)
  }

  /** Gives up what counts from `since` on: it may have been in memory only. */
  #forgetSince(since: number): void {
    dropSince(this.refused, since)
    dropSince(this.delivered, since - HEARD_WITHIN)
  }
}

function ago(at: number, since: number): string {
  return `${Math.round(at - since)} ms before`
}

function dropSince(times: Map<string, number>, since: number): void {
  for (const [token, at] of times) if (at > since) times.delete(token)
}
