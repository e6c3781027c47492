import { readFile } from "node:fs/promises"
import { setTimeout as wait } from "node:timers/promises"

const SAMPLE_MS = 500

/** The most memory that a process holds within a time, in MiB. Linux only. */
export async function mostResidentMb(pid: number, forMs: number): Promise<number> {
  let mostKb = 0
  for (const untilMs = performance.now() + forMs; performance.now() < untilMs; await wait(SAMPLE_MS)) {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]
    if (found === undefined) throw new Error(`/proc does not say what process ${pid} holds`)
    mostKb = Math.max(mostKb, Number(found))
  }
  return mostKb / 1024
}
