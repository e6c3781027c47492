import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt"
import { describe, expect, test } from "vitest"
import { projectRecords } from "./project-records.ts"
import { applicationChange, idOf, keyChange, NOON_MS, recordsOf } from "./sample-history.ts"
import type { StoreFixture } from "./store-fixture.ts"

const KEYS = [1, 2].map((number) => idOf("key", number))
const keyOf = (key: number, version: number) => keyChange({ key, application: 1 }, version)

export function keyUseTests(fixture: () => StoreFixture): void {
  describe("use of keys", () => {
    test("the latest use of a key is known, whoever noted it in which order, and changes of the key leave it", async () => {
      const under = await fixture().openEmpty()
      const other = under.another()
      const records = recordsOf([applicationChange(1, 0), keyOf(1, 0), keyOf(2, 0), keyOf(1, 1)])
      await projectRecords(under.store, records.slice(0, 3))
      const use = (keyId: string, afterMs: number) => ({ keyId, usedAt: timestampFromMs(NOON_MS + afterMs) })
      const shown = async () =>
        [...(await under.store.lastUses([...KEYS, "key_none"]))].map(([id, usedAt]) => [id, timestampMs(usedAt) - NOON_MS])
      expect(await shown()).toEqual([])
      await Promise.all([
        under.store.noteUses([use(KEYS[0]!, 20), use("key_none", 1)]),
        other.noteUses([use(KEYS[1]!, 5), use(KEYS[0]!, 10)]),
      ])
      expect(new Map((await shown()) as [string, number][])).toEqual(
        new Map([
          [KEYS[0], 20],
          [KEYS[1], 5],
        ]),
      )
      await projectRecords(under.store, records.slice(3))
      expect(new Map((await shown()) as [string, number][]).get(KEYS[0]!)).toBe(20)
      await under.store.noteUses([])
      await other.close()
      await under.close()
    })
  })
}
