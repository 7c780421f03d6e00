/** The value below which a share `p` (0..1) of the samples lies. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}

/** A histogram as lines of text: bounds, a bar, the count. */
export function histogram(samples: readonly number[], unit: string, buckets = 12): string {
  const least = Math.min(...samples)
  const most = percentile(samples, 0.99)
  const width = (most - least) / buckets || 1
  const counts = new Array<number>(buckets + 1).fill(0)
  for (const sample of samples) {
    const bucket = Math.min(buckets, Math.floor((sample - least) / width))
    counts[bucket] = (counts[bucket] ?? 0) + 1
  }
  const highest = Math.max(...counts)
  return counts
    .map((count, i) => {
      const from = (least + i * width).toFixed(2).padStart(8)
      const bar = '#'.repeat(Math.round((count / highest) * 50))
      return `${from} ${i === buckets ? `${unit} or more` : unit.padEnd(unit.length + 8)} ${bar} ${count}`
    })
    .join('\n')
}

/** The slope of the line that fits the points best. */
export function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const sums = points.map((point) => [(point[0] - x) * (point[1] - y), (point[0] - x) ** 2] as const)
  return sums.reduce((sum, [xy]) => sum + xy, 0) / sums.reduce((sum, [, xx]) => sum + xx, 0)
}
