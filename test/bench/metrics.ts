/** What a process told of itself at one time. */
export interface Metrics {
  /** The sum over all samples of a metric that carry these labels; none is zero. Throws when there is no such metric: a name that is gone must not read as zero. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number
}

export async function readMetrics(url: string): Promise<Metrics> {
  const response = await fetch(`${url}/metrics`)
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`)
  const lines = (await response.text()).split("\n")
  return {
    sum(name, labels = {}) {
      if (!lines.some((line) => line.startsWith(`# TYPE ${name} `))) throw new Error(`there is no metric ${name}`)
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
      return lines
        .filter((line) => /^[^{ ]+/.exec(line)?.[0] === name && wanted.every((each) => line.includes(each)))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)
    },
  }
}
