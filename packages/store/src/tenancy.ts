/** Whose rows are read: one application's, or all, which only the operator may. */
export type Tenancy = { readonly applicationId: string } | "every application"
