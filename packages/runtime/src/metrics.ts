import * as prometheus from "prom-client"

/** The labels of a metric, each with all the values that it can have. */
export type Labels = Readonly<Record<string, readonly string[]>>
export type LabelValues<L extends Labels> = { readonly [Name in keyof L & string]: L[Name][number] }
type Labelled<L extends Labels> = keyof L extends never ? [] : [labels: LabelValues<L>]

export interface MetricSpec<L extends Labels> {
  /** With its unit: `_seconds`, `_bytes`, `_total`. */
  readonly name: string
  readonly help: string
  readonly labels?: L
}

export interface Counter<L extends Labels = Labels> {
  add(amount: number, ...labels: Labelled<L>): void
}

export interface Gauge<L extends Labels = Labels> {
  set(value: number, ...labels: Labelled<L>): void
}

export interface Histogram<L extends Labels = Labels> {
  observe(value: number, ...labels: Labelled<L>): void
}

/** Seconds, from a fast local answer to the end of a long deadline. */
export const LATENCY_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

/**
 * The metrics of one process in Prometheus' text format. Labels take only values that were named beforehand, so the number of series is
 * bounded; a value that was not is counted as `other`. Asking twice for a name answers the same series.
 */
export class Metrics {
  readonly #registry = new prometheus.Registry()

  readonly contentType = this.#registry.contentType

  counter<const L extends Labels = Record<never, never>>(spec: MetricSpec<L>): Counter<L> {
    const metric = this.#once(spec, (base) => new prometheus.Counter(base))
    const limit = limiter(spec.labels)
    return { add: (amount, ...[labels]) => metric.inc(limit(labels), amount) }
  }

  gauge<const L extends Labels = Record<never, never>>(spec: MetricSpec<L>): Gauge<L> {
    const metric = this.#once(spec, (base) => new prometheus.Gauge(base))
    const limit = limiter(spec.labels)
    return { set: (value, ...[labels]) => metric.set(limit(labels), value) }
  }

  histogram<const L extends Labels = Record<never, never>>(spec: MetricSpec<L> & { readonly buckets: readonly number[] }): Histogram<L> {
    const metric = this.#once(spec, (base) => new prometheus.Histogram({ ...base, buckets: [...spec.buckets] }))
    const limit = limiter(spec.labels)
    return { observe: (value, ...[labels]) => metric.observe(limit(labels), value) }
  }

  /** Adds what Node knows of the process: CPU, memory, event loop, handles. Watches the event loop until the process ends. */
  addProcessMetrics(): void {
    prometheus.collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 100 })
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #once<M extends prometheus.Metric>(spec: MetricSpec<Labels>, create: (base: Base) => M): M {
    const existing = this.#registry.getSingleMetric(spec.name)
    // Only this class registers, and a name says what kind of metric it is.
    if (existing !== undefined) return existing as M
    return create({ name: spec.name, help: spec.help, labelNames: Object.keys(spec.labels ?? {}), registers: [this.#registry] })
  }
}

interface Base {
  readonly name: string
  readonly help: string
  readonly labelNames: string[]
  readonly registers: prometheus.Registry[]
}

/** Turns values that were not named into `other`. */
function limiter(labels: Labels = {}): (given?: Readonly<Record<string, string>>) => Record<string, string> {
  const known = Object.entries(labels).map(([name, values]) => [name, new Set(values)] as const)
  return (given = {}) => {
    const kept: Record<string, string> = {}
    for (const [name, values] of known) {
      const value = given[name]
      kept[name] = value !== undefined && values.has(value) ? value : "other"
    }
    return kept
  }
}
