import { readdir, readFile } from "node:fs/promises"

/** Ticks of `/proc` in a second: the same on every Linux that Node runs on. */
const TICKS = 100

interface Usage {
  readonly parent: number
  readonly seconds: number
  /** Of its children that have ended, and theirs. */
  readonly endedSeconds: number
}

/** CPU time that a process and its descendants have used so far, seconds. Linux only. */
export async function cpuSecondsOf(pid: number): Promise<{ readonly own: number; readonly children: number }> {
  const usages = new Map<number, Usage>()
  for (const name of await readdir("/proc")) {
    const usage = /^\d+$/.test(name) ? await usageOf(name) : undefined
    if (usage !== undefined) usages.set(Number(name), usage)
  }
  const descends = (each: number): boolean => {
    const parent = usages.get(each)?.parent ?? 0
    return parent === pid || (parent > 0 && descends(parent))
  }
  const own = usages.get(pid)
  if (own === undefined) throw new Error(`there is no process ${pid}`)
  let children = own.endedSeconds
  for (const [each, { seconds, endedSeconds }] of usages) if (each !== pid && descends(each)) children += seconds + endedSeconds
  return { own: own.seconds, children }
}

async function usageOf(pid: string): Promise<Usage | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8")
    // The name comes second, in parentheses, and may contain anything.
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number)
    const at = (index: number): number => fields[index] ?? 0
    return { parent: at(1), seconds: (at(11) + at(12)) / TICKS, endedSeconds: (at(13) + at(14)) / TICKS }
  } catch {
    return undefined // It has ended meanwhile.
  }
}
