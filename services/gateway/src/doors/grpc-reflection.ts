import { type DescFile, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt"
import { ReflectionService } from "@grpc/reflection"
import { file_grpc_health_v1_health } from "@posthorn/proto"
import { publicFiles } from "./methods.ts"

type Package = ConstructorParameters<typeof ReflectionService>[0]

/** Server reflection, v1 and v1alpha, for the public contract with everything it imports, and for the health service. Options are left out by the library. */
export function reflection(): ReflectionService {
  const files = new Map<string, DescFile>()
  const collect = (file: DescFile): void => {
    if (files.has(file.name)) return
    files.set(file.name, file)
    file.dependencies.forEach(collect)
  }
  for (const file of [...publicFiles, file_grpc_health_v1_health]) collect(file)
  const fileDescriptorProtos = [...files.values()].map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)))
  // All that it reads of a package are the descriptors of files.
  return new ReflectionService({ contract: { fileDescriptorProtos } } as unknown as Package)
}
