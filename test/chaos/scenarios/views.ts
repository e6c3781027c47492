import { setTimeout as wait } from "node:timers/promises"
import { eventually } from "@posthorn/testkit"
import pg from "pg"
import { readViews } from "../views.ts"
import type { Scenario, World } from "./scenario.ts"
import { stranger } from "./stranger.ts"

const OUTAGE_MS = 5000
/** More than the server takes. */
const CONNECTIONS = 150

/** What happens to the views while they are written. Whatever it is, they come to say the same as the log. */
export const VIEW_SCENARIOS: readonly Scenario[] = [
  {
    name: "views-storm",
    about:
      "in turn: one of two projectors is killed, then the other, Postgres is killed, and for 5 s ClickHouse does what it is told and answers 500",
    also: ["projector-2"],
    network: true,
    everyMs: 1000,
    duplicatesPerFault: 0,
    async fault({ posthorn, network }, nth) {
      if (nth % 4 === 0) return posthorn.crash("projector")
      if (nth % 4 === 1) return posthorn.crash("projector-2")
      if (nth % 4 === 3) return denySuccess(network)
      await posthorn.postgres.crash()
      await posthorn.postgres.start()
    },
  },
  {
    name: "groups-from-zero",
    about: "both projectors are ended, their groups begin the log anew, and they are started again: every record comes twice and more",
    also: ["projector-2"],
    everyMs: 4000,
    duplicatesPerFault: 0,
    async fault(world) {
      const { posthorn } = world
      await Promise.all([posthorn.retire("projector"), posthorn.retire("projector-2")])
      await beginAnew(world)
      await Promise.all([posthorn.start("projector"), posthorn.start("projector-2")])
    },
  },
  {
    name: "stores-full",
    about:
      "for 5 s Postgres has no connection left for anybody, then none of its tables takes a row as if the disk were full; health says so",
    everyMs: 4000,
    duplicatesPerFault: 0,
    halfWithoutKey: true,
    async fault(world, nth) {
      await (nth % 2 === 0 ? takeAllConnections(world) : fillDisk(world))
    },
  },
]

/** What is asked of ClickHouse is done, and the answer says that it was not. */
async function denySuccess({ stores: [, clickhouse] }: World["network"]): Promise<void> {
  const ok = "HTTP/1.1 200 OK"
  clickhouse?.changeAnswers((answer) => {
    const text = answer.toString("latin1")
    return text.startsWith(ok) ? Buffer.from(`HTTP/1.1 500 Internal Server Error${text.slice(ok.length)}`, "latin1") : answer
  })
  await wait(OUTAGE_MS)
  clickhouse?.restore()
}

/** Lets Kafka forget what the groups have committed, once those that left are gone. */
async function beginAnew({ posthorn: { kafka } }: World): Promise<void> {
  const admin = stranger(kafka).admin()
  await admin.connect()
  try {
    const groups = ["projector-postgres", "projector-clickhouse"].map((group) => `${kafka?.prefix}${group}`)
    await eventually(() => admin.deleteGroups(groups), { timeoutMs: 30_000, what: "empty groups" })
  } finally {
    await admin.disconnect()
  }
}

async function takeAllConnections(world: World): Promise<void> {
  const { posthorn } = world
  const clients = Array.from({ length: CONNECTIONS }, () => new pg.Client({ connectionString: posthorn.postgresUrl }))
  for (const client of clients) client.on("error", () => undefined)
  const taken = await Promise.allSettled(clients.map((client) => client.connect()))
  if (taken.every(({ status }) => status === "fulfilled")) world.broken.push("the server had connections left")
  // Those that the services hold stay theirs: whoever starts anew gets none.
  const restarted = posthorn.crash("projector")
  await wait(OUTAGE_MS)
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
  await restarted
}

/** The error of a full disk for every delivery that is written. */
async function fillDisk(world: World): Promise<void> {
  const { posthorn } = world
  const client = new pg.Client({ connectionString: posthorn.postgresUrl })
  await client.connect()
  try {
    await client.query(`
      CREATE FUNCTION public.no_space() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`)
    await client.query(
      "CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON posthorn.deliveries FOR EACH STATEMENT EXECUTE FUNCTION public.no_space()",
    )
    const said = async (): Promise<void> => {
      const { components } = (await (await fetch(`${posthorn.urlOf("projector")}/health`)).json()) as Health
      if (components.postgres.status !== "down") throw new Error("the projector says that all is well")
    }
    await eventually(said, { timeoutMs: OUTAGE_MS, intervalMs: 100 }).catch(() =>
      world.broken.push("health did not say that Postgres takes no rows"),
    )
    await readViews(posthorn)
  } finally {
    await client.query("DROP FUNCTION public.no_space CASCADE")
    await client.end()
  }
}

interface Health {
  readonly components: { readonly postgres: { readonly status: string } }
}
