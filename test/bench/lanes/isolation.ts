import { burst } from "../isolation/burst.ts"
import { FOR_MS, play, type Played, type Scene } from "../isolation/scene.ts"
import { PACE } from "../paced.ts"
import type { Goal, Verdict } from "../figures.ts"
import { measureInRounds } from "../rounds.ts"

const NONE: Scene = { healthy: 20, others: 0, share: [0, 1] }
const TENTH = { healthy: 18, others: 2, share: [1, 10] } as const
const SCENES: Readonly<Record<string, Scene>> = {
  hanging: { ...TENTH, trouble: "hang" },
  dripping: { ...TENTH, trouble: "drip" },
  resetting: { ...TENTH, trouble: "reset" },
  failing: { ...TENTH, trouble: "fail" },
  unresolvable: { ...TENTH, trouble: "unresolvable" },
  half: { healthy: 9, others: 1, share: [1, 2], trouble: "hang" },
  // The others have as much as ever, and four times as much comes on top of it.
  application: { healthy: 20, others: 1, share: [4, 5], pace: 5, foreign: true },
}
export const VARIANTS: readonly string[] = [...Object.keys(SCENES), "burst"]

const BURST_GOAL: Goal = { first: 250, aim: 100 }
const GOALS: Readonly<Record<string, Goal>> = {
  ...Object.fromEntries(
    Object.keys(SCENES).flatMap((name) => [
      [`${name}Ratio`, { first: 2, aim: 1.3 }],
      [`${name}Kept`, { first: 0.9, aim: 0.97 }],
    ]),
  ),
  burstP99Ms: BURST_GOAL,
  burstOwnP99Ms: BURST_GOAL,
}

/** What healthy endpoints notice of what befalls others. No variant = all of them. */
export async function isolation(variants: readonly string[]): Promise<readonly Verdict[]> {
  const chosen = VARIANTS.filter((each) => variants.length === 0 || variants.includes(each))
  return measureInRounds({
    name: "isolation",
    about: `healthy endpoints, publish until arrived, open loop of ${PACE.perSecond}/s for ${FOR_MS / 1000} s, against none in trouble: ${chosen.join(", ")}`,
    goals: GOALS,
    rounds: 1,
    measure: async () => {
      const scenes = Object.entries(SCENES).filter(([name]) => chosen.includes(name))
      const figures = scenes.length === 0 ? {} : await playAll(scenes)
      return chosen.includes("burst") ? { ...figures, ...(await burst()) } : figures
    },
  })
}

async function playAll(scenes: readonly (readonly [string, Scene])[]): Promise<Record<string, number>> {
  const none = told("none", await play(NONE))
  const figures: Record<string, number> = { noneP99Ms: none.p99Ms }
  for (const [name, scene] of scenes) {
    const { p99Ms, kept } = told(name, await play(scene))
    Object.assign(figures, { [`${name}P99Ms`]: p99Ms, [`${name}Ratio`]: p99Ms / none.p99Ms, [`${name}Kept`]: kept })
  }
  return figures
}

function told(name: string, played: Played): Played {
  console.log(`${name}: p99 ${played.p99Ms.toFixed(1)} ms, ${(played.kept * 100).toFixed(1)} % kept up with`)
  return played
}
