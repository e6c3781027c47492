import { execFile } from "node:child_process"
import { promisify } from "node:util"
import type { Installation } from "./installation.ts"

const LOCAL = "http://127.0.0.1:8080"

/** The commands of a document, in the order in which a reader pastes them: its blocks of shell that call an installation. */
export function commandsOf(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text).filter((text) => text.includes("curl "))
}

/** Commands that would not be pasted, because their block does not say that it is shell. */
export function unmarkedCommandsOf(markdown: string): readonly string[] {
  const blocks = [...markdown.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)]
  return blocks.filter(([, language, text = ""]) => language !== "sh" && /\bcurl -/.test(text)).map(([, , text = ""]) => text)
}

/** Every answer has to be a success, or what the command's comment says. What was just published is looked for until the views have it. */
const CURL = `
CALL=$(mktemp -d); trap 'rm -rf "$CALL"' EXIT
curl() {
  local wanted="\${WANTED:-2..}" status try
  for try in {1..40}; do
    command curl "$@" --write-out '%{stderr}%{http_code}' > "$CALL/answer" 2> "$CALL/status" || true
    status=$(tail -c 3 "$CALL/status")
    if [[ $status =~ ^($wanted)$ ]]; then cat "$CALL/answer"; return; fi
    [[ $status == 404 ]] || break
    sleep 0.5
  done
  echo "curl $* answered $status: $(< "$CALL/answer")" >&2
  return 22
}
`

/** `curl … # 422` is answered so, and `# 202, then 429` in one of these ways. */
function withWanted(script: string): string {
  const pieces = script.split(/(?=\bcurl )/)
  const worded = pieces.map((piece) => {
    const said = /\s# (\d{3}(?:, then \d{3})*)/.exec(piece)?.[1]
    return said === undefined ? piece : `WANTED='${said.replaceAll(", then ", "|")}' ${piece}`
  })
  return worded.join("")
}

/** Runs shell as it would be pasted into one terminal, in the folder in which Posthorn was started, with `POSTHORN` and `KEY`, and answers what it printed. Rejects at the first command that fails. */
export async function paste(script: string, { directory, httpUrl, adminKey }: Installation): Promise<string> {
  const { stdout } = await promisify(execFile)("bash", ["-euo", "pipefail", "-c", CURL + withWanted(script.replaceAll(LOCAL, httpUrl))], {
    cwd: directory,
    timeout: 110_000,
    env: { ...process.env, POSTHORN: httpUrl, KEY: adminKey },
  })
  return stdout
}
