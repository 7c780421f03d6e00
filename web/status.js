// Shows what /events says: the gateway's status, once a second. Loads nothing else.

/** Plots of refusals that are shown: those with the most refusals. */
const MOST_PLOTS = 8
/** Answers that refuse nothing. */
const NO_REFUSALS = new Set(['upstream', 'health', 'preflight', 'revocation', 'client-left'])
/** Milliseconds until a stream that was refused is tried again. */
const RETRY = 5_000

const KINDS = {
  token: 'Tokens of any issuer',
  issuerToken: 'Tokens of one issuer',
  foldedToken: 'Opaque tokens, other spellings',
  rule: 'Subjects, clients, sessions',
  issuerRule: 'The same, of one issuer',
  claimsRule: 'Claims',
}
const REVOKED = {
  token: 'token',
  subject: 'all tokens of a subject',
  client: 'all tokens of a client',
  session: 'all tokens of a session',
  issuer: 'all tokens of an issuer',
  claims: 'all tokens with certain claims',
}
const STATES = { live: 'good', connecting: 'warn', gap: 'bad', failed: 'bad', 'in sync': 'good', behind: 'bad' }

let previous

function show(status) {
  const { revocations, workers, version, at, startedAt } = status
  setText('version', `${version}, up ${duration(at - Date.parse(startedAt))}`)
  document.title = status.ready ? 'mgw: ready' : 'mgw: NOT READY'
  byId('summary').dataset.state = status.ready ? 'good' : 'bad'
  setText('verdict', status.ready ? 'Ready' : 'Not ready')
  setText(
    'reason',
    `${revocations.known ? 'The revocation list is known' : 'The list is not known'}: ${revocations.reason}.`,
  )
  showListing(revocations.listings?.current, at)
  showFigures(status)
  showPlots(status.recentRequests)
  setRows(
    'sources',
    revocations.sources.map((source) => sourceRow(source, revocations.listings, at)),
  )
  setRows(
    'recent',
    status.recentRevocations.map((each) => revocationRow(each, at)),
    'None since the start.',
  )
  setRows('kinds', kindRows(revocations.list))
  setRows('workers', (workers ?? []).map(workerRow), 'Everything runs in one process.')
  setFacts('journal', journalFacts(revocations))
  announce(status)
  previous = status
}

function showListing(current, at) {
  byId('listing').hidden = current === undefined
  if (current === undefined) return
  const { since, records, expected } = current
  const rate = records / Math.max(0.001, (at - since) / 1_000)
  const progress = byId('progress')
  if (expected === undefined) progress.removeAttribute('value')
  else Object.assign(progress, { max: Math.max(expected, records, 1), value: records })
  const left = expected > records && rate > 0 ? `, ${duration(((expected - records) / rate) * 1_000)} left` : ''
  const about = expected === undefined ? '' : ` of about ${count(expected)}`
  setText('progress-text', `Listing the store: ${count(records)}${about} revocations, ${count(rate)} a second${left}`)
}

function showFigures({ revocations, requests, openRequests, at }) {
  const seconds = previous === undefined ? 0 : (at - previous.at) / 1_000
  const rate = (of) => {
    if (seconds <= 0) return '–'
    return perSecond(Math.max(0, of(requests) - of(previous.requests)) / seconds)
  }
  setFacts('figures', [
    ['tokens revoked', count(revocations.entries.tokens)],
    ['rules', count(revocations.entries.rules)],
    ['requests a second', rate((counts) => sum(Object.values(counts)))],
    ['refused a second', rate(refused)],
    ['open with a token', count(openRequests)],
  ])
}

function refused(counts) {
  return sum(Object.entries(counts).map(([reason, many]) => (NO_REFUSALS.has(reason) ? 0 : many)))
}

function showPlots({ interval, counts }) {
  const refusals = Object.entries(counts)
    .filter(([reason]) => !NO_REFUSALS.has(reason))
    .map(([reason, values]) => ({ reason, title: `refused: ${reason}`, values, total: sum(values) }))
    .sort((one, other) => other.total - one.total || one.reason.localeCompare(other.reason))
    .slice(0, MOST_PLOTS)
  const served = counts.upstream ?? []
  const all = [{ reason: 'upstream', title: 'answered by upstreams', values: served, total: sum(served) }, ...refusals]
  const figures = keep(byId('plots'), all.length, plot)
  for (const [i, each] of all.entries()) showPlot(figures[i], each, interval)
}

function plot() {
  const figure = make('figure')
  const caption = make('figcaption')
  caption.append(make('strong'), make('span', 'quiet'))
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('role', 'img')
  svg.setAttribute('preserveAspectRatio', 'none')
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'path'))
  const axis = make('div', 'axis')
  axis.setAttribute('aria-hidden', 'true')
  axis.append(make('span'), make('span'), make('span'))
  figure.append(caption, svg, axis)
  return figure
}

/** Intervals that a plot is wide. */
const WIDTH = 120

function showPlot(figure, { reason, title, values, total }, interval) {
  const [caption, svg, axis] = figure.children
  const most = Math.max(1, ...values)
  figure.className = reason === 'upstream' ? 'served' : 'refused'
  put(caption.children[0], title)
  put(caption.children[1], count(total))
  const minutes = Math.round((WIDTH * interval) / 60_000)
  const peak = total === 0 ? '' : `peak ${perSecond((most * 1_000) / interval)} a second`
  svg.setAttribute('aria-label', `${title}: ${count(total)} in the last ${minutes} minutes${peak && `, ${peak}`}`)
  svg.setAttribute('viewBox', `0 0 ${WIDTH} 40`)
  const bars = values.map((value, i) => {
    const height = value === 0 ? 0 : Math.max(1.5, (38 * value) / most)
    return height === 0 ? '' : `M${WIDTH - values.length + i} 40v-${height.toFixed(1)}h.85V40z`
  })
  svg.firstChild.setAttribute('d', bars.join(''))
  put(axis.children[0], `${minutes} min ago`)
  put(axis.children[1], peak)
  put(axis.children[2], 'now')
}

function sourceRow({ name, role, status, since, revocations, lastRevocationAt, malformed, detail }, listings, at) {
  const last = listings?.last
  const listed = last && `${count(last.records)} listed ${duration(at - last.at)} ago`
  const pushed = `${count(revocations)} pushed${lastRevocationAt === undefined ? '' : `, last ${duration(at - lastRevocationAt)} ago`}`
  const bad = Object.entries(malformed ?? {}).map(([reason, many]) => `${count(many)} malformed (${reason})`)
  return [
    { text: name, note: role },
    { text: status, state: STATES[status], note: `for ${duration(at - since)}` },
    {
      text: role === 'store' ? (listed ?? 'not listed yet') : pushed,
      note: [...bad, detail].filter(Boolean).join('; '),
    },
  ]
}

function revocationRow({ at: learntAt, kind, source, hash }, at) {
  return [
    { text: `${duration(at - learntAt)} ago`, title: new Date(learntAt).toISOString() },
    hash === undefined ? { text: REVOKED[kind] ?? kind } : { text: `token `, code: hash },
    { text: source },
  ]
}

function kindRows({ kinds, bytes }) {
  const rows = Object.entries(kinds).filter(([kind, many]) => many > 0 || kind === 'token')
  return [
    ...rows.map(([kind, many]) => [{ text: KINDS[kind] ?? kind }, { text: count(many), number: true }]),
    [{ text: 'Memory' }, { text: size(bytes), number: true }],
  ]
}

function workerRow({ number, pid, listening, state, lag }) {
  const said = listening ? (state ?? 'no list yet') : 'starting'
  return [
    { text: String(number), note: `pid ${pid}` },
    { text: said, state: STATES[said] ?? 'warn' },
    { text: lag === undefined ? '' : `${count(lag.entries)} entries`, note: lag === undefined ? '' : duration(lag.ms) },
  ]
}

function journalFacts({ journal, writeBack }) {
  const { enabled, path, bytes, waiting, error, damage = [] } = journal
  const facts = enabled
    ? [
        ['State', error === undefined ? 'written' : `NOT WRITABLE: ${error}`, error === undefined ? 'good' : 'bad'],
        ['Size', size(bytes)],
        ['File', path],
        ['To write', `${count(waiting)} entries`],
      ]
    : [['State', 'off: what is revoked is not known after a restart', 'warn']]
  if (damage.length > 0) facts.push(['Damage', `${count(damage.length)} losses: see mgw journal check`, 'bad'])
  if (writeBack === undefined) return facts
  const { store, waiting: left, written, failed, dropped, error: why } = writeBack
  const problem = why === undefined ? '' : `: ${why}`
  return [
    ...facts,
    [
      `To ${store}`,
      `${count(written)} written, ${count(left)} waiting, ${count(failed)} failed, ${count(dropped)} dropped${problem}`,
    ],
  ]
}

/** Tells screen readers what has changed, and nothing else: readiness and the states of sources. */
function announce(status) {
  if (previous === undefined) return
  const said = []
  if (status.ready !== previous.ready) said.push(status.ready ? 'The gateway is ready' : 'The gateway is not ready')
  for (const { name, role, status: state } of status.revocations.sources) {
    const before = previous.revocations.sources.find((each) => each.name === name && each.role === role)
    if (before !== undefined && before.status !== state) said.push(`${name} is now ${state}`)
  }
  if (said.length > 0) setText('announcement', said.join('. '))
}

/** What is shown below stays: the gateway may be restarting. */
function showNoAnswer() {
  connected('bad', 'no answer; trying again')
  if (previous === undefined || byId('verdict').textContent === 'No answer') return
  byId('summary').dataset.state = 'bad'
  document.title = 'mgw: NO ANSWER'
  setText('verdict', 'No answer')
  setText('reason', `This is what the gateway said last, at ${new Date(previous.at).toLocaleTimeString()}.`)
  setText('announcement', 'The gateway does not answer')
}

function connected(state, text) {
  byId('live').dataset.state = state
  setText('live', text)
}

function listen() {
  const events = new EventSource('events')
  events.onmessage = ({ data }) => {
    connected('good', 'live')
    show(JSON.parse(data))
  }
  events.onerror = () => {
    showNoAnswer()
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, RETRY)
  }
}

/** Has a table's body show these rows, changing only what is different: a selection and a reader's place survive. */
function setRows(id, rows, none = '') {
  const body = byId(id)
  const shown = rows.length > 0 || none === '' ? rows : [[{ text: none, span: 3 }]]
  const trs = keep(body, shown.length, () => make('tr'))
  shown.forEach((cells, i) => {
    const tds = keep(trs[i], cells.length, () => make('td'))
    for (const [j, cell] of cells.entries()) setCell(tds[j], cell)
  })
}

function setCell(td, { text, note = '', code = '', state, title = '', number = false, span = 1 }) {
  if (td.childElementCount === 0) td.append(make('span'), make('code'), make('span', 'note'))
  const [main, hash, below] = td.children
  if (td.colSpan !== span) td.colSpan = span
  td.className = number ? 'number' : ''
  main.className = state === undefined ? '' : 'state'
  if (state !== undefined) main.dataset.state = state
  if (td.title !== title) td.title = title
  put(main, text)
  put(hash, code)
  put(below, note)
}

function setFacts(id, facts) {
  const pairs = keep(byId(id), facts.length, () => {
    const pair = make('div')
    pair.append(make('dt'), make('dd'))
    return pair
  })
  facts.forEach(([name, value, state], i) => {
    const [dt, dd] = pairs[i].children
    put(dt, name)
    put(dd, value)
    dd.className = state === undefined ? '' : 'state'
    if (state !== undefined) dd.dataset.state = state
  })
}

/** Has an element exactly so many children. */
function keep(parent, wanted, create) {
  while (parent.childElementCount > wanted) parent.lastElementChild.remove()
  while (parent.childElementCount < wanted) parent.append(create())
  return parent.children
}

function make(name, className = '') {
  const element = document.createElement(name)
  if (className !== '') element.className = className
  return element
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text
}

function byId(id) {
  return document.getElementById(id)
}

function setText(id, text) {
  put(byId(id), text)
}

function sum(values) {
  return values.reduce((all, one) => all + one, 0)
}

/** A rate, with a decimal where that says something. */
function perSecond(value) {
  return value > 0 && value < 10 ? value.toFixed(1) : count(value)
}

function count(value) {
  return Math.round(value).toLocaleString('en-US')
}

function size(bytes) {
  if (bytes < 1_000) return `${count(bytes)} B`
  if (bytes < 1_000_000) return `${count(bytes / 1_000)} kB`
  return bytes < 1_000_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${(bytes / 1_000_000_000).toFixed(1)} GB`
}

/** Milliseconds, in the two largest units. A number and its unit stay on one line. */
function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 60) return `${seconds}\u00a0s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}\u00a0min ${seconds % 60}\u00a0s`
  const hours = Math.floor(minutes / 60)
  return hours < 24
    ? `${hours}\u00a0h ${minutes % 60}\u00a0min`
    : `${Math.floor(hours / 24)}\u00a0d ${hours % 24}\u00a0h`
}

listen()
