import type { Verdict } from "../figures.ts"
import { startPosthorn } from "../posthorn.ts"
import { runJson } from "../processes.ts"
import { publishUntilArrived, PUSH } from "../publish-until-arrived.ts"
import { compareInRounds } from "../rounds.ts"
import { startSink } from "../start-sink.ts"
import { openTenant } from "../tenant.ts"

/** From publish until the last request arrived, projection on, one event a call, one subscription; against a loop that signs and sends to the same sink. */
export async function endToEnd(): Promise<readonly Verdict[]> {
  const posthorn = await startPosthorn()
  const sink = await startSink()
  try {
    const { events, connections, payloadBytes, bodyBytes } = PUSH
    const target = await openTenant(posthorn, [{ url: `${sink.url}/`, eventTypes: ["*"] }])
    const baseline = async (): Promise<number> =>
      events / (await runJson<{ seconds: number }>("bare-sender.ts", [`${sink.url}/`, `${events}`, `${payloadBytes}`])).seconds
    return await compareInRounds({
      name: "end-to-end",
      about: `publish until arrived, ${events} events of ${bodyBytes} B, concurrency ${connections}, projection on, against an undici loop with HMAC to the same sink`,
      goal: { first: 0.2, aim: 0.3 },
      ours: async () => events / (await publishUntilArrived(target, sink)),
      baseline,
    })
  } finally {
    await sink.stop()
    await posthorn.stop()
  }
}
