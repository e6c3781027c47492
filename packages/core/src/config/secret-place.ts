/** Where a secret of a subscription is stored: what it is bound to when it is encrypted, so that it opens nowhere else. Part of the data format. */
export function secretPlace(
  subscription: { readonly id: string; readonly applicationId: string },
  field: "secret" | "source.secret",
): readonly string[] {
  return [subscription.applicationId, subscription.id, field]
}
