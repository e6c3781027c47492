import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { followConfig } from "@posthorn/log"
import { AttemptRecordSchema, DeliveryState, TaskProgress, type DeliveryDue } from "@posthorn/proto"
import { eventually } from "@posthorn/testkit"
import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { deliveriesOf, NOW_MS, ok, type Sent, type Tenant } from "../deliveries-under-test.ts"
import { startInstallation, type GatewayUnderTest, type Installation } from "../gateway-under-test.ts"
import { keepProjecting } from "../projecting-under-test.ts"
import { keepRouting } from "./routing-under-test.ts"
import { runReplay } from "./run-replay.ts"
import type { TaskContext } from "./task-context.ts"

let installation: Installation
let gateway: GatewayUnderTest
let deliveries: ReturnType<typeof deliveriesOf>
let projecting: ReturnType<typeof keepProjecting>
let routing: Awaited<ReturnType<typeof keepRouting>>
beforeAll(async () => {
  installation = await startInstallation()
  // Nobody works at tasks but this test.
  gateway = await installation.gateway({ store: { ...installation.store, exclusively: async () => undefined } })
  deliveries = deliveriesOf(installation, gateway)
  projecting = keepProjecting(installation.log, installation.store)
  routing = await keepRouting(installation.log)
})
afterAll(async () => {
  await routing?.stop()
  await projecting?.stop()
  await gateway?.stop()
  await installation?.stop()
})

class Crash extends Error {}

interface Fault {
  /** At which call of log, store or configuration the process ends. */
  readonly call: number
  /** Whether what was called is done nevertheless. */
  readonly done: boolean
  /** How much time passes from one look at the clock to the next: what decides how often it notes where it is. */
  readonly tickMs: number
}

/** A process of its own: what it knows, and when it ends. */
async function process(fault: Fault | undefined) {
  const { log, store } = installation
  const config = await followConfig(log, { onChange: () => undefined, onUndecodable: () => undefined })
  let calls = 0
  const ending = <Args extends unknown[], Answer>(called: (...args: Args) => Promise<Answer>) => {
    return async (...args: Args): Promise<Answer> => {
      if (++calls !== fault?.call) return called(...args)
      if (fault.done) await called(...args)
      throw new Crash("the process ends")
    }
  }
  let ticks = 0
  const context: TaskContext = {
    log: { ...log, append: ending(log.append) },
    config: Object.create(config, { propose: { value: ending((change: Parameters<typeof config.propose>[0]) => config.propose(change)) } }),
    store: { ...store, placesOf: ending(store.placesOf), standingsOf: ending(store.standingsOf) },
    nowMs: () => NOW_MS + (fault?.tickMs ?? 700) * ticks++,
    events: {
      taskAdvanced: () => undefined,
      taskReplayed: () => undefined,
      deadLettersGone: () => undefined,
      taskInterrupted: () => undefined,
      taskDone: () => undefined,
    },
  }
  return { context, config }
}

/** Works at the task in a process; false = it ended before the task did. */
async function work(taskId: string, fault?: Fault): Promise<boolean> {
  const { context, config } = await process(fault)
  try {
    const task = config.table.task(taskId)!.task
    if (task.state === TaskProgress.RUNNING) await runReplay(context, task, new AbortController().signal)
    return true
  } catch (error) {
    if (!(error instanceof Crash)) throw error
    return false
  } finally {
    await config.close()
  }
}

const keyOf = ({ deliveryId, round, attempt }: Pick<DeliveryDue, "deliveryId" | "round" | "attempt">) => `${deliveryId}/${round}/${attempt}`

async function began(to: Tenant): Promise<DeliveryDue[]> {
  return deliveries.duesOf("deliveries.bulk", to)
}

/** The worker makes every second try that there is; it comes to its end. */
async function tryHalf(to: Tenant, made: Set<string>, state: DeliveryState): Promise<void> {
  for (const [at, due] of (await began(to)).entries()) {
    if (at % 2 === 1 || made.has(keyOf(due))) continue
    made.add(keyOf(due))
    const { eventId } = due.event!
    const names = { deliveryId: due.deliveryId, applicationId: to.application, eventId, subscriptionId: to.subscription }
    const facts = { ...names, eventType: "order.made", createdAt: due.createdAt! }
    const time = timestampFromMs(NOW_MS)
    const value = { delivery: facts, round: due.round, attempt: { number: due.attempt, startedAt: time, finishedAt: time }, state }
    await deliveries.outcome({ id: due.deliveryId, facts: facts as never }, { case: "finished", value })
  }
}

/** Deliveries as somebody may find them: some never made, some dead, some delivered, one on its way. */
async function history(to: Tenant): Promise<{ readonly wanted: string[]; readonly events: number }> {
  const wanted: string[] = []
  const ended = async (delivery: Sent, state: DeliveryState) => deliveries.attempted(delivery, 1, state)
  for (let round = 0; round < 3; round++) {
    const body = `{"applicationId":"${to.application}","type":"order.made","data":1}`
    const { id } = ok(await gateway.ask("POST /v1/events", { body, headers: { "content-type": "application/json" } }))
    wanted.push(`${id}/1/1`)
    const dead = await deliveries.sent(to)
    await ended(dead, DeliveryState.DEAD)
    wanted.push(`${dead.facts.eventId}/2/2`)
    await ended(await deliveries.sent(to), DeliveryState.DELIVERED)
  }
  await ended(await deliveries.sent(to), DeliveryState.RETRYING)
  await routing.routed()
  return { wanted: wanted.toSorted(), events: 10 }
}

const anyFault = fc.record({ call: fc.integer({ min: 1, max: 24 }), done: fc.boolean(), tickMs: fc.constantFrom(40, 3000) })

/** Much was begun and nothing noted of it; and whoever goes on notes something before it has passed all of that. */
const lateAndSilent = (call: number): Fault => ({ call, done: false, tickMs: 40 })
const soonAfterANote: Fault = { call: 8, done: false, tickMs: 3000 }

test("however often a replay is interrupted, no delivery begins two new rounds, and none is left out", { timeout: 240_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyFault, { minLength: 1, maxLength: 6 }), fc.boolean(), async (faults, dies) => {
      const to = await deliveries.tenant()
      const { wanted, events } = await history(to)
      const path = `/v1/subscriptions/${to.subscription}:replay`
      const asked = { since: new Date(NOW_MS - 60_000).toISOString(), ratePerSecond: 8 }
      const { task } = ok(await deliveries.post(path, asked, to.admin))
      const made = new Set<string>()
      for (const fault of faults) {
        if (await work(task.id, fault)) break
        await tryHalf(to, made, dies ? DeliveryState.DEAD : DeliveryState.DELIVERED)
      }
      expect(await work(task.id)).toBe(true)
      const dues = await began(to)
      const begun = [...new Set(dues.map(({ event, round, attempt: number }) => `${event!.eventId}/${round}/${number}`))]
      expect(begun.toSorted()).toEqual(wanted)
      expect(dues.every(({ taskId }) => taskId === task.id)).toBe(true)
      // Of every round there is word, as the views need it.
      const words = (await deliveries.recordsOf("attempts", AttemptRecordSchema)).flatMap(({ record }) => {
        if (record.case !== "created" && record.case !== "requeued") return []
        if (record.value.taskId !== task.id) return []
        return [`${record.value.delivery!.eventId}/${record.case === "created" ? 1 : record.value.round}`]
      })
      expect([...new Set(words)].toSorted()).toEqual(wanted.map((each) => each.slice(0, each.lastIndexOf("/"))).toSorted())
      await eventually(async () => ok(await gateway.ask(`GET /v1/tasks/${task.id}`)).state === "done", { timeoutMs: 10_000 })
      const ended = ok(await gateway.ask(`GET /v1/tasks/${task.id}`))
      expect(ended).toMatchObject({ state: "done", done: String(events), begun: String(wanted.length) })
      expect(ended.left).toEqual([{ reason: "on-its-way", count: "1" }])
    }),
    { numRuns: 15, examples: [13, 15, 17].map((call) => [[lateAndSilent(call), soonAfterANote], false]) },
  )
})

test("a process that was given up for dead changes nothing any more about a task that another one has", async () => {
  const to = await deliveries.tenant()
  await history(to)
  const asked = { since: new Date(NOW_MS - 60_000).toISOString(), ratePerSecond: 8 }
  const { task } = ok(await deliveries.post(`/v1/subscriptions/${to.subscription}:replay`, asked, to.admin))
  const first = await process(undefined)
  const second = await process(undefined)
  const { store } = first.context
  let taken = false
  const stalled: TaskContext = {
    ...first.context,
    store: {
      ...store,
      placesOf: async (events) => {
        if (!taken) await runReplay(second.context, second.config.table.task(task.id)!.task, new AbortController().signal)
        taken = true
        return store.placesOf(events)
      },
    },
  }
  await runReplay(stalled, first.config.table.task(task.id)!.task, new AbortController().signal)
  await Promise.all([first.config.close(), second.config.close()])
  expect(ok(await gateway.ask(`GET /v1/tasks/${task.id}`))).toMatchObject({ state: "done", done: "10", begun: "6" })
  const keys = (await began(to)).map(keyOf)
  expect(new Set(keys).size).toBe(6)
})
