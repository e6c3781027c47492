import { setTimeout as wait } from "node:timers/promises"
import { create, toJson } from "@bufbuild/protobuf"
import { isRefusal } from "@posthorn/core"
import { ConservationHourSchema, GetConservationRequestSchema, type ConservationHour } from "@posthorn/proto"
import { systemClock } from "@posthorn/runtime"
import type { StatusStore } from "@posthorn/store"
import { ConservationCheck, type Checked } from "../../conservation/check.ts"
import { CHECK_NAME } from "../../conservation/keep-checking.ts"
import type { Command, Running } from "../command.ts"
import { openEventLog, openPostgres, openStore } from "../wire.ts"
import { showHours } from "./show-hours.ts"

/** What is due now is on its way, and is not worth a search of the log. */
const GRACE_MS = 10_000
/** How long to wait for a projector that checks at the moment. */
const TURN_MS = 60_000
const TURN_POLL_MS = 500
const PAGE_SIZE = 200

export const conservation: Command = {
  name: "conservation",
  usage: "[--json] [--wait <seconds>]",
  about: `Accounts for every accepted event: checks now, the present hour included, and shows by application and hour what became of the events,
and each one that is missing something. Everything goes on meanwhile. Exits with 0 when nothing is missing, 1 when something is or it
cannot be told, 2 when it was called wrongly, 130 when it was interrupted.

  --json  answer as JSON, an hour a line
  --wait  how many seconds to wait for the views to hold what the log holds, 20 unless said`,
  flags: { json: { type: "boolean" }, wait: { type: "string" } },
  judge: ({ words, flags: { wait: seconds } }) =>
    words.length > 0
      ? `${words.join(" ")} means nothing`
      : seconds === undefined || /^\d{1,4}$/.test(String(seconds))
        ? undefined
        : "--wait takes a number",
  run,
}

async function run(running: Running): Promise<number> {
  const { lifecycle, flags, print, say } = running
  const url = await openPostgres(running)
  const store = await openStore(running, url)
  const log = await openEventLog(running, url)
  const waits = flags["wait"] === undefined ? {} : { waitMs: Number(flags["wait"]) * 1000 }
  const check = new ConservationCheck({ log, books: store, clock: systemClock, graceMs: GRACE_MS, hours: "all", ...waits })
  const checked = await inTurn(store, (signal) => check.run(signal), lifecycle.signal)
  if (checked === undefined) say("somebody else checks, and does not come to an end")
  if (checked?.kind === "behind") say("the views do not hold yet what the log holds, so nothing can be told; is the projector running?")
  if (checked?.kind !== "done") return 1
  let findings = 0
  for await (const hours of pagesOf(store)) {
    for (const { findingCount } of hours) findings += Number(findingCount)
    const lines = flags["json"] === true ? hours.map((hour) => JSON.stringify(toJson(ConservationHourSchema, hour))) : showHours(hours)
    for (const line of lines) print(line)
  }
  if (checked.unsearched > 0) say(`${checked.unsearched} overdue deliveries could not be looked for: too much waits`)
  say(findings === 0 ? "every accepted event is accounted for" : `${findings} findings`)
  return findings === 0 && checked.unsearched === 0 ? 0 : 1
}

async function inTurn(
  store: StatusStore,
  work: (signal: AbortSignal) => Promise<Checked>,
  signal: AbortSignal,
): Promise<Checked | undefined> {
  for (
    const untilMs = systemClock.monotonicMs() + TURN_MS;
    !signal.aborted && systemClock.monotonicMs() < untilMs;
    await wait(TURN_POLL_MS)
  ) {
    const done = await store.exclusively(CHECK_NAME, work, signal)
    if (done !== undefined) return done
  }
  return undefined
}

async function* pagesOf(store: StatusStore): AsyncGenerator<readonly ConservationHour[]> {
  for (let pageToken = ""; ;) {
    const request = create(GetConservationRequestSchema, { pageSize: PAGE_SIZE, pageToken })
    const answer = await store.getConservation("every application", request)
    if (isRefusal(answer)) throw new Error(answer.message)
    yield answer.hours
    pageToken = answer.nextPageToken
    if (pageToken === "") return
  }
}
