import type { StatusReport } from '../gateway.js'

/** The lines that `mgw status` prints. `previous`, from a second ago, tells rates. */
export function statusInWords(report: StatusReport, now: number, previous?: StatusReport): string {
  const { version, startedAt, ready, revocations } = report
  const { known, reason, entries, list } = revocations
  const size = `${count(entries.tokens)} tokens, ${count(entries.rules)} rules, ${bytes(list.bytes)}`
  return [
    `mgw ${version}, up ${duration(now - Date.parse(startedAt))}, ${ready ? 'ready' : 'NOT READY'}`,
    '',
    `list     ${known ? 'known' : 'NOT KNOWN'}: ${reason}; ${size}`,
    ...listing(report, now),
    ...table(sources(report, now)),
    ...table(workers(report)),
    `journal  ${journal(report)}`,
    ...writeBack(report),
    `requests ${requests(report, previous)}; ${count(report.openRequests)} open with a token`,
  ].join('\n')
}

/** How far the listing under way is: shown for the first, and for each that takes longer than a moment. */
function listing({ revocations }: StatusReport, now: number): string[] {
  const { listings } = revocations
  const current = listings?.current
  if (current === undefined) return []
  const seconds = Math.max(0.001, (now - current.since) / 1000)
  const rate = current.records / seconds
  const { records, expected } = current
  if (expected === undefined) return [`listing  ${count(records)} revocations, ${count(rate)} a second`]
  const left = rate > 0 && expected >= records ? `, ${duration(((expected - records) / rate) * 1000)} left` : ''
  const percent = expected === 0 ? 0 : Math.floor((100 * records) / expected)
  return [
    `listing  ${count(records)} of about ${count(expected)} revocations (${percent} %), ${count(rate)} a second${left}`,
  ]
}

function sources({ revocations }: StatusReport, now: number): string[][] {
  const { sources, listings } = revocations
  return sources.map(({ name, role, status, since, revocations, lastRevocationAt, malformed = {}, detail = '' }) => {
    const last = listings?.last
    const listed = last && `listed ${duration(now - last.at)} ago: ${count(last.records)} in ${duration(last.ms)}`
    const pushed = `${count(revocations)} revocations${lastRevocationAt === undefined ? '' : `, last ${duration(now - lastRevocationAt)} ago`}`
    const bad = Object.entries(malformed).map(([reason, many]) => `${count(many)} malformed (${reason})`)
    const said = [role === 'store' ? (listed ?? 'not listed yet') : pushed, ...bad, detail].filter(
      (part) => part !== '',
    )
    return [
      role,
      name,
      `${status === 'live' ? 'live' : status.toUpperCase()} for ${duration(now - since)}`,
      said.join('; '),
    ]
  })
}

function workers({ workers = [] }: StatusReport): string[][] {
  return workers.map(({ number, pid, listening, state, lag }) => [
    'worker',
    `${number}, pid ${pid}`,
    listening ? (state ?? 'no list yet') : 'STARTING',
    lag === undefined ? '' : `${count(lag.entries)} entries and ${duration(lag.ms)} behind`,
  ])
}

function journal({ revocations: { journal } }: StatusReport): string {
  if (!journal.enabled) return 'off'
  const damage = journal.damage === undefined ? '' : `; DAMAGED: ${journal.damage.length} losses, see mgw journal check`
  const error = journal.error === undefined ? '' : `; NOT WRITABLE: ${journal.error}`
  return `${journal.path}, ${bytes(journal.bytes)}, ${count(journal.waiting)} entries to write${error}${damage}`
}

function writeBack({ revocations: { writeBack } }: StatusReport): string[] {
  if (writeBack === undefined) return []
  const { store, waiting, written, failed, dropped, error } = writeBack
  const said = `${count(waiting)} waiting, ${count(written)} written, ${count(failed)} failed, ${count(dropped)} dropped`
  return [`to store ${store}: ${said}${error === undefined ? '' : `; ${error}`}`]
}

/** Reasons that are shown, the most frequent first. */
const SHOWN = 6

function requests({ requests }: StatusReport, previous: StatusReport | undefined): string {
  const reasons = Object.entries(requests).sort(([, one], [, other]) => other - one)
  const total = sum(requests)
  const rate =
    previous === undefined ? '' : `, ${count(Math.max(0, total - sum(previous.requests)))} in the last second`
  const shown = reasons.slice(0, SHOWN).map(([reason, many]) => `${reason} ${count(many)}`)
  return `${count(total)}${rate}${shown.length === 0 ? '' : `: ${shown.join(', ')}`}`
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, one) => all + one, 0)
}

function table(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  return rows.map(([first = '', ...rest]) => {
    const cells = rest.map((cell, i) => (i === rest.length - 1 ? cell : cell.padEnd(width(i + 1))))
    return `${first.padEnd(8)} ${cells.join('  ')}`.trimEnd()
  })
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function bytes(value: number): string {
  if (value < 1_000_000) return `${count(value / 1_000)} kB`
  return value < 1_000_000_000 ? `${(value / 1_000_000).toFixed(1)} MB` : `${(value / 1_000_000_000).toFixed(1)} GB`
}

/** Milliseconds, in the two largest units. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}
