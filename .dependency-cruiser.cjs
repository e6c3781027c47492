const { rooms, adapters, confined, testCode } = require("./layers.cjs")

const pathOf = Object.fromEntries(rooms.map((room) => [room.name, room.path]))
const anyRoom = rooms.map((room) => room.path)

const layers = rooms.map((room) => ({
  name: `${room.name}-imports-only-what-it-may`,
  severity: "error",
  from: { path: room.path, pathNot: testCode },
  to: { path: anyRoom, pathNot: [room.path, ...room.mayImport.map((name) => pathOf[name])] },
}))

const siblings = adapters.map((folder) => ({
  name: `adapter-alone-${folder}`,
  comment: "An adapter knows its port, not the other adapters.",
  severity: "error",
  from: { path: `^${folder}/`, pathNot: testCode },
  to: { path: adapters.filter((other) => other !== folder && other.split("/")[1] === folder.split("/")[1]).map((other) => `^${other}/`) },
}))

const wiring = adapters.map((folder) => ({
  name: `only-wire-names-${folder}`,
  severity: "error",
  from: { path: "^(packages|services)/", pathNot: [testCode, "/wire\\.ts$", "^packages/log/src/open-log\\.ts$", `^${folder}/`] },
  to: { path: `^${folder}/` },
}))

const confinement = confined.map((rule) => ({
  name: `only-its-adapter-names-${rule.package}`,
  severity: "error",
  from: { path: "^(packages|services)/", pathNot: [testCode, rule.path] },
  to: { path: `/node_modules/${rule.package}/` },
}))

module.exports = {
  forbidden: [
    ...layers,
    ...siblings,
    ...wiring,
    ...confinement,
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "production-never-imports-tests",
      severity: "error",
      from: { path: "^(packages|services|deploy)/", pathNot: testCode },
      to: { path: testCode },
    },
    {
      name: "core-and-proto-are-pure",
      comment: "No input or output, and nothing of Node.",
      severity: "error",
      from: { path: "^packages/(core|proto)/", pathNot: testCode },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "runtime-knows-no-domain",
      severity: "error",
      from: { path: "^packages/runtime/", pathNot: testCode },
      to: { path: "^packages/", pathNot: "^packages/runtime/" },
    },
    {
      name: "only-main-touches-the-process",
      severity: "error",
      from: { path: "^services/", pathNot: [testCode, "/main\\.ts$", "^services/start\\.ts$"] },
      to: { dependencyTypes: ["core"], path: "^(node:)?(process|child_process|cluster)$" },
    },
    { name: "everything-resolves", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(build|docs)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "node", "default"] },
  },
}
