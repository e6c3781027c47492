import { apps } from "./apps/apps.ts"
import type { Dialect } from "./dialect.ts"
import { classic } from "./classic/classic.ts"
import { hub } from "./hub/hub.ts"
import { manager } from "./manager/manager.ts"
import { rest } from "./rest/rest.ts"

/** Every dialect that is served. */
export const dialects: readonly Dialect[] = [hub, rest, classic, manager, apps]
