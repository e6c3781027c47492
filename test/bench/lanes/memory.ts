import { setTimeout as wait } from "node:timers/promises"
import type { Verdict } from "../figures.ts"
import { fillConfig, fillTiers } from "../memory/fill.ts"
import { startInstallation, type Installation, type RunningDelivery } from "../memory/installation.ts"
import { mostResidentMb } from "../memory/resident.ts"
import { measureInRounds } from "../rounds.ts"

const PENDING = 1_000_000
const PENDING_SUBSCRIPTIONS = 1000
const SUBSCRIPTIONS = 1_000_000
/** Windows are read, and the start's garbage is gone, within this time. */
const SETTLE_MS = 20_000
const FOR_MS = 30_000
/** Lag is told every few seconds. */
const LAG_MS_MAX = 60_000

/** What a delivery process holds in memory for what waits in the log, and for the subscriptions that it knows. */
export async function memory(): Promise<readonly Verdict[]> {
  return measureInRounds({
    name: "memory",
    about:
      `memory (RSS, the most within ${FOR_MS / 1000} s) of a delivery process: by how much ${PENDING} pending retries make it grow, ` +
      `and with ${SUBSCRIPTIONS} subscriptions`,
    goals: { pendingGrowthMb: { first: 128, aim: 48 }, subscriptionsMb: { first: 700, aim: 350 } },
    rounds: 1,
    measure: async () => ({ ...(await pendingRetries()), ...(await manySubscriptions()) }),
  })
}

async function pendingRetries(): Promise<Record<string, number>> {
  const installation = await startInstallation()
  try {
    const subscribed = await fillConfig(installation.log, PENDING_SUBSCRIPTIONS, PENDING_SUBSCRIPTIONS)
    const { residentMb: emptyMb } = await held(installation, 0)
    await fillTiers(installation.log, PENDING, subscribed)
    const { residentMb: pendingMb } = await held(installation, PENDING)
    return { emptyMb, pendingMb, pendingGrowthMb: pendingMb - emptyMb }
  } finally {
    await installation.stop()
  }
}

async function manySubscriptions(): Promise<Record<string, number>> {
  const installation = await startInstallation()
  try {
    await fillConfig(installation.log, SUBSCRIPTIONS, 0)
    const { residentMb: subscriptionsMb, heapMb: subscriptionsHeapMb } = await held(installation, 0)
    return { subscriptionsMb, subscriptionsHeapMb }
  } finally {
    await installation.stop()
  }
}

interface Held {
  /** The most within the time. */
  readonly residentMb: number
  /** Of V8, what is in use at the end, garbage too. */
  readonly heapMb: number
}

/** What a delivery process holds once it has read what it will. What is pending has to be so before and after. */
async function held({ startDelivery }: Installation, pending: number): Promise<Held> {
  const delivery = await startDelivery()
  try {
    await pendingIs(delivery, pending)
    await wait(SETTLE_MS)
    const residentMb = await mostResidentMb(delivery.pid, FOR_MS)
    await pendingIs(delivery, pending)
    return { residentMb, heapMb: (await delivery.metrics()).sum("nodejs_heap_size_used_bytes") / 2 ** 20 }
  } finally {
    await delivery.stop()
  }
}

async function pendingIs(delivery: RunningDelivery, wanted: number): Promise<void> {
  let seen = Number.NaN
  for (const untilMs = performance.now() + LAG_MS_MAX; performance.now() < untilMs; await wait(1000)) {
    seen = (await delivery.metrics()).sum("posthorn_retry_due_backlog")
    if (seen === wanted) return
  }
  throw new Error(`${seen} retries are pending, not ${wanted}`)
}
