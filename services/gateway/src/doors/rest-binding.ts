import {
  type DescField,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  getOption,
  hasOption,
} from "@bufbuild/protobuf"
import { assert } from "@posthorn/core"
import { http, type HttpRule } from "@posthorn/proto"
import { maskedResource } from "./request-rules.ts"

/** What has routes: whatever takes one request. */
export type RoutedMethod = DescMethodUnary | DescMethodServerStreaming

/** One way to call a method over REST. */
export interface Binding<Method extends RoutedMethod = RoutedMethod> {
  readonly method: Method
  readonly httpMethod: string
  readonly template: string
  /** Where the body goes: the whole request, one field of it, or nowhere. */
  readonly body: "*" | (DescField & { readonly message: DescMessage }) | undefined
  /** The field that is answered; absent = the whole response. */
  readonly answered: (DescField & { readonly message: DescMessage }) | undefined
  /** The mask that the names of a PATCH's members fill. */
  readonly mask: DescField | undefined
  /** Whether every field of the resource is replaced, so that a mask is not taken. */
  readonly replaces: boolean
  readonly status: number
}

/** Every way that the annotations of a method give. Throws when it has none, or one in a form that is not served. */
export function bindingsOf<Method extends RoutedMethod>(method: Method): readonly Binding<Method>[] {
  assert(hasOption(method, http), `${method.parent.typeName}/${method.name} has no google.api.http`)
  const rule = getOption(method, http)
  return [rule, ...rule.additionalBindings].map((one) => bindingOf(method, one))
}

function bindingOf<Method extends RoutedMethod>(method: Method, { pattern, body, responseBody }: HttpRule): Binding<Method> {
  const name = `${method.parent.typeName}/${method.name}`
  assert(pattern.case !== undefined && pattern.case !== "custom", `${name} has an HTTP method that is not served`)
  const replaces = pattern.case === "put"
  return {
    method,
    httpMethod: pattern.case.toUpperCase(),
    template: pattern.value,
    body: body === "*" ? "*" : body === "" ? undefined : messageField(method.input, body),
    answered: responseBody === "" ? undefined : messageField(method.output, responseBody),
    mask: replaces ? undefined : maskedResource(method.input)?.mask,
    replaces,
    status: method.name.startsWith("Create") ? 201 : method.name.startsWith("Publish") ? 202 : 200,
  }
}

function messageField(desc: DescMessage, name: string): DescField & { readonly message: DescMessage } {
  const field = desc.fields.find((one) => one.name === name)
  assert(field?.fieldKind === "message", `${desc.typeName}.${name} is not a message`)
  return field
}
