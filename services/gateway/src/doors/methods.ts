import {
  type DescFile,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  getOption,
  hasOption,
} from "@bufbuild/protobuf"
import * as contract from "@posthorn/proto"
import { required_role, Role } from "@posthorn/proto"

/** Every file of the public contract. */
export const publicFiles: readonly DescFile[] = Object.values(contract).filter(isPublicFile)

export const publicServices: readonly DescService[] = publicFiles.flatMap((file) => file.services)

/** Every method of the public contract that answers one request once. */
export const publicMethods: readonly DescMethodUnary[] = publicServices.flatMap((service) => service.methods.filter(isUnary))

/** Those that answer one request with a stream of messages, at every door. */
export const publicFeeds: readonly DescMethodServerStreaming[] = publicServices.flatMap((service) => service.methods.filter(isFeed))

/** Those that stream in both directions. Such a stream has no route: HTTP/1.1 cannot carry one. */
export const publicStreams: readonly DescMethodBiDiStreaming[] = publicServices.flatMap(streamsOf)

/** The role that a method declares. Throws when it declares none: such a gateway must not start. */
export function roleOf(method: DescMethod): Role {
  const role = hasOption(method, required_role) ? getOption(method, required_role) : Role.UNSPECIFIED
  if (role === Role.UNSPECIFIED) throw new Error(`${method.parent.typeName}/${method.name} declares no required_role`)
  return role
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary"
}

function isFeed(method: DescMethod): method is DescMethodServerStreaming {
  return method.methodKind === "server_streaming"
}

function isBidirectional(method: DescMethod): method is DescMethodBiDiStreaming {
  return method.methodKind === "bidi_streaming"
}

function streamsOf({ methods, typeName }: DescService): DescMethodBiDiStreaming[] {
  return methods.flatMap((method) => {
    if (isUnary(method) || isFeed(method)) return []
    if (!isBidirectional(method)) throw new Error(`${typeName}/${method.name} takes a stream and answers once, which no door serves`)
    return method
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
