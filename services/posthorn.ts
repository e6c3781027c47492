/** Posthorn's command line: runs it, and works on an installation that is there. */

const COMMANDS: Readonly<Record<string, { readonly about: string; readonly file: string }>> = {
  start: { about: "run Posthorn: all of it, or one role", file: "./start" },
  rebuild: { about: "make a view anew from the event log", file: "./projector/src/commands/rebuild/main" },
  verify: { about: "hold both views against the event log", file: "./projector/src/commands/verify/main" },
  conservation: { about: "account for every accepted event", file: "./projector/src/commands/conservation/main" },
}

const [name = "", ...rest] = process.argv.slice(2)
const command = COMMANDS[name]
if (command === undefined) {
  const lines = Object.entries(COMMANDS).map(([each, { about }]) => `  ${each.padEnd(13)} ${about}\n`)
  const help = name === "--help"
  const text = `usage: posthorn <command> [--help]\n\n${lines.join("")}`
  if (help) process.stdout.write(text)
  else process.stderr.write(`posthorn: there is no command ${JSON.stringify(name)}\n${text}`)
  process.exit(help ? 0 : 2)
}
process.argv = [...process.argv.slice(0, 2), ...rest]
const extension = import.meta.filename.endsWith(".ts") ? "ts" : "js"
await import(`${command.file}.${extension}`)
