/** A plugin of `buf generate`: writes what the public contract's comments say, by full name, because the generated descriptors leave them out. */
import type { DescEnum, DescExtension, DescMessage, DescService } from "@bufbuild/protobuf"
import { nestedTypes } from "@bufbuild/protobuf/reflect"
import { createEcmaScriptPlugin, getComments, runNodeJs } from "@bufbuild/protoplugin"

runNodeJs(
  createEcmaScriptPlugin({
    name: "protoc-gen-comments",
    version: "v1",
    generateTs({ allFiles, generateFile }) {
      const file = generateFile("comments.ts")
      file.print("/** What the public contract says of its parts, by full name. */")
      file.print("export const comments: Readonly<Record<string, string>> = {")
      for (const { name, part } of allFiles.filter(({ proto }) => proto.package === "posthorn.v1").flatMap(partsOf)) {
        const text = (getComments(part).leading ?? "").replaceAll(/^[ ]|[ ]+$/gm, "").trim()
        if (text !== "") file.print(`  ${JSON.stringify(name)}: ${JSON.stringify(text)},`)
      }
      file.print("}")
    },
  }),
)

/** Everything in a file that may have a comment: its types, and the fields, methods and values in them, named after a dot. */
function partsOf(file: Parameters<typeof nestedTypes>[0]) {
  return [...nestedTypes(file)].flatMap((type) => [
    { name: type.typeName, part: type },
    ...membersOf(type).map((member) => ({ name: `${type.typeName}.${member.name}`, part: member })),
  ])
}

function membersOf(type: DescMessage | DescEnum | DescExtension | DescService) {
  if (type.kind === "message") return type.fields
  if (type.kind === "enum") return type.values
  return type.kind === "service" ? type.methods : []
}
