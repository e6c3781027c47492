import type { CatchUp, ViewPosition } from "../../status-shadow.ts"
import type { Session } from "../database.ts"

/** Keeps everybody from projecting into the live view until the session's transaction ends, and brings the shadow to where it stands. */
export async function holdStill(session: Session, catchUp: CatchUp): Promise<void> {
  // Whoever reads positions is let through; whoever moves them waits.
  await session.run({ text: "lock table posthorn.projector_offset in exclusive mode", values: [] })
  await catchUp(await readPositions(session))
}

/** In the order of their names. */
export const readPositions = (session: Session): Promise<readonly ViewPosition[]> =>
  session.run<{ topic: string; partition: number; next: number }>({ text: SELECT, values: [] })

const SELECT = "select topic, partition, next_offset as next from posthorn.projector_offset order by topic, partition"
