// Who may import whom: the one table. Each room of the tree lists the rooms that it may import besides itself; tests may import anything.

/** Rooms, by the path of their files. The first that matches counts. */
const rooms = [
  { name: "proto", path: "^packages/proto/", mayImport: [] },
  { name: "core", path: "^packages/core/", mayImport: ["proto"] },
  { name: "log", path: "^packages/log/", mayImport: ["core", "proto"] },
  { name: "store", path: "^packages/store/", mayImport: ["core", "proto"] },
  { name: "analytics", path: "^packages/analytics/", mayImport: ["core", "proto"] },
  { name: "outbound", path: "^packages/outbound/", mayImport: ["core", "proto"] },
  { name: "runtime", path: "^packages/runtime/", mayImport: [] },
  { name: "sdk", path: "^packages/sdk/", mayImport: ["proto", "core"] },
  { name: "cli", path: "^packages/cli/", mayImport: ["sdk", "proto"] },
  { name: "dashboard", path: "^packages/dashboard/", mayImport: ["proto"] },
  { name: "testkit", path: "^packages/testkit/", mayImport: ["core", "proto", "log", "store", "analytics", "outbound", "runtime"] },
  { name: "gateway", path: "^services/gateway/", mayImport: ["core", "proto", "log", "store", "analytics", "outbound", "runtime"] },
  { name: "delivery", path: "^services/delivery/", mayImport: ["core", "proto", "log", "outbound", "runtime"] },
  { name: "projector", path: "^services/projector/", mayImport: ["core", "proto", "log", "store", "analytics", "runtime"] },
  {
    name: "standalone",
    path: "^services/standalone/",
    mayImport: ["gateway", "delivery", "projector", "core", "proto", "log", "store", "analytics", "outbound", "runtime"],
  },
]

/** Folders of adapters: named only by `wire.ts`, by tests, by their own folder, and by `open-log.ts`, which chooses between two of them for every `wire.ts`. */
const adapters = [
  "packages/log/src/memory",
  "packages/log/src/postgres",
  "packages/log/src/kafka",
  "packages/store/src/postgres",
  "packages/store/src/embedded",
  "packages/analytics/src/clickhouse",
  "packages/analytics/src/embedded",
  "packages/outbound/src/undici",
  "packages/outbound/src/scripted",
]

/** Packages from outside that one folder alone may name. */
const confined = [
  { package: "kafkajs", path: "^packages/log/src/kafka/" },
  { package: "pg", path: "^packages/(log|store)/src/postgres/" },
  { package: "@clickhouse/client", path: "^packages/analytics/src/clickhouse/" },
  { package: "chdb", path: "^packages/analytics/src/embedded/" },
  { package: "undici", path: "^packages/outbound/src/undici/" },
]

/** Code that only tests run. */
const testCode = "(\\.test\\.ts$|-under-test\\.ts$|/conformance/|^test/|^packages/testkit/)"

module.exports = { rooms, adapters, confined, testCode }
