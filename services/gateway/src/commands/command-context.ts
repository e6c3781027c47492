import type { IdKind } from "@posthorn/core"
import type { ConfigFollower } from "@posthorn/log"
import type { SecretBox } from "@posthorn/runtime"

/** What commands need besides the request. */
export interface CommandContext {
  readonly config: ConfigFollower
  readonly box: SecretBox
  readonly nowMs: () => number
  /** A new id of that kind, which sorts after those made before. */
  readonly newId: (kind: IdKind) => string
  /** Why a URL may not be delivered to, or `undefined` when it may. */
  readonly judgeUrl: (url: string) => string | undefined
}
