import { type DescFile, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { ReflectionService } from "@grpc/reflection"
import { service as healthService } from "grpc-health-check"
import { publicFiles } from "./methods.ts"

type Package = ConstructorParameters<typeof ReflectionService>[0]

/** Server reflection, v1 and v1alpha, for the public contract with everything it imports, and for the health service. */
export function reflection(): ReflectionService {
  const files = new Map<string, DescFile>()
  const collect = (file: DescFile): void => {
    if (files.has(file.name)) return
    files.set(file.name, file)
    file.dependencies.forEach(collect)
  }
  publicFiles.forEach(collect)
  const fileDescriptorProtos = [...files.values()].map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)))
  // All that it reads of a package are the descriptors of files.
  return new ReflectionService({ contract: { fileDescriptorProtos }, health: (healthService as unknown as HealthDefinition).Check.requestType } as unknown as Package)
}

/** Loaded from a file of definitions, it carries the file's descriptor, which its type does not say. */
interface HealthDefinition {
  readonly Check: { readonly requestType: { readonly fileDescriptorProtos: readonly Buffer[] } }
}
