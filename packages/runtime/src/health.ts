export type ComponentStatus = "ok" | "degraded" | "down"

/** What is known of one component. `detail` is for people and holds no secret and no address of the inside. */
export interface ComponentHealth {
  readonly status: ComponentStatus
  readonly detail?: string
  readonly [more: string]: string | number | boolean | undefined
}

/** A component, and how to ask it. */
export interface HealthCheck {
  /** Resolves to what is known. Rejecting, or not answering in time, means down. */
  check(): Promise<ComponentHealth>
  /** Without it the whole is down; otherwise the whole is degraded. */
  readonly vital: boolean
}

export interface Health {
  readonly status: ComponentStatus
  readonly components: Readonly<Record<string, ComponentHealth>>
}

const CHECK_MS_MAX = 1000

/** Asks every component at the same time. Resolves within about a second, whatever they do; never rejects. */
export async function checkHealth(checks: Readonly<Record<string, HealthCheck>>): Promise<Health> {
  const answers = await Promise.all(
    Object.entries(checks).map(async ([name, { check, vital }]) => ({ name, vital, health: await bounded(check) })),
  )
  const vitalDown = answers.some(({ vital, health }) => vital && health.status === "down")
  const allOk = answers.every(({ health }) => health.status === "ok")
  return {
    status: vitalDown ? "down" : allOk ? "ok" : "degraded",
    components: Object.fromEntries(answers.map(({ name, health }) => [name, health])),
  }
}

async function bounded(check: () => Promise<ComponentHealth>): Promise<ComponentHealth> {
  const late = Promise.withResolvers<ComponentHealth>()
  const timer = setTimeout(() => late.resolve({ status: "down", detail: "no answer in time" }), CHECK_MS_MAX)
  try {
    return await Promise.race([check(), late.promise])
  } catch {
    // The reason may name addresses; whoever owns the component logs it.
    return { status: "down", detail: "not reachable" }
  } finally {
    clearTimeout(timer)
  }
}
