/** Medians of a gateway's runs. */
export interface Figures {
  readonly name: string
  /** The major of its Node. */
  readonly node: string | undefined
  /** Processor time a request, µs. */
  readonly cpu: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p99: number
}

/** A row of the comparison as a Markdown table. */
export function markdown(title: string, figures: readonly Figures[]): string {
  const haproxy = figures.find(({ name }) => name === 'HAProxy')
  const lines = figures.map((one) => {
    const prototype = figures.find(({ name, node }) => name === 'prototype' && node === one.node)
    const cells = [
      one.name === 'mgw' ? '**mgw**' : one.name,
      one.node ?? '',
      one.cpu.toFixed(1),
      ratio(one.cpu, haproxy?.cpu),
      ratio(one.cpu, prototype?.cpu),
      Math.round(one.perSecond).toLocaleString('en'),
      one.p99.toFixed(1),
    ]
    return `| ${cells.join(' | ')} |`
  })
  return `
${title}:

| gateway | Node | CPU µs a request | × HAProxy | × prototype | requests/s | p99 ms |
| --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}`
}

function ratio(own: number, other: number | undefined): string {
  return other === undefined ? '' : (own / other).toFixed(2)
}
