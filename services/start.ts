/** Runs one role: `standalone` (the default), `gateway`, `delivery` or `projector`. */

const ROLES = ["standalone", "gateway", "delivery", "projector"]
const [given, ...rest] = process.argv.slice(2)
const role = given === undefined || given.startsWith("-") ? "standalone" : given

if (!ROLES.includes(role)) {
  process.stderr.write(`posthorn: there is no role ${JSON.stringify(role)}; give one of ${ROLES.join(", ")}\n`)
  process.exit(2)
}
if (given === role) process.argv = [...process.argv.slice(0, 2), ...rest]
const extension = import.meta.filename.endsWith(".ts") ? "ts" : "js"
await import(`./${role}/src/main.${extension}`)
