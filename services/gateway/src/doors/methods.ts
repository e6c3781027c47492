import { type DescFile, type DescMethodUnary, type DescService, getOption, hasOption } from "@bufbuild/protobuf"
import * as contract from "@posthorn/proto"
import { required_role, Role } from "@posthorn/proto"

/** Every file of the public contract. */
export const publicFiles: readonly DescFile[] = Object.values(contract).filter(isPublicFile)

export const publicServices: readonly DescService[] = publicFiles.flatMap((file) => file.services)

/** Every method of the public contract. */
export const publicMethods: readonly DescMethodUnary[] = publicServices.flatMap(methodsOf)

/** The role that a method declares. Throws when it declares none: such a gateway must not start. */
export function roleOf(method: DescMethodUnary): Role {
  const role = hasOption(method, required_role) ? getOption(method, required_role) : Role.UNSPECIFIED
  if (role === Role.UNSPECIFIED) throw new Error(`${method.parent.typeName}/${method.name} declares no required_role`)
  return role
}

function methodsOf(service: DescService): DescMethodUnary[] {
  return service.methods.map((method) => {
    if (method.methodKind !== "unary") throw new Error(`${service.typeName}/${method.name} streams, which no door serves`)
    return method as DescMethodUnary
  })
}

function isPublicFile(value: unknown): value is DescFile {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    value.kind === "file" &&
    (value as DescFile).proto.package === "posthorn.v1"
  )
}
