import { broken } from "./broken.ts"
import { healthy } from "./healthy.ts"
import { names, zooNames } from "./names.ts"
import { secure } from "./secure.ts"
import { silent } from "./silent.ts"
import { statuses } from "./statuses.ts"
import type { ZooEndpoint } from "./zoo-endpoint.ts"
import { startZooGrounds, type ZooGrounds } from "./zoo-grounds.ts"

/** Endpoints as they are out there, by family: each is opened by itself, on real sockets, and says what an attempt has to come to. */
export const zoo: Readonly<Record<string, readonly ZooEndpoint[]>> = { healthy, statuses, silent, broken, secure, names }

/** Starts what the endpoints need around them. */
export const openZoo = (): Promise<ZooGrounds> => startZooGrounds(zooNames)

/** An endpoint by its name. Throws when there is none. */
export function zooEndpoint(name: string): ZooEndpoint {
  const found = Object.values(zoo)
    .flat()
    .find((endpoint) => endpoint.name === name)
  if (found === undefined) throw new Error(`the zoo has no ${name}`)
  return found
}
