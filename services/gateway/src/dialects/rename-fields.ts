import type { Refusal } from "@posthorn/core"

/** A refusal in the dialect's own names: `subscription.event_types[0]` is `event_types[0]` to who has never heard of a subscription's fields. */
export function renameFields(refusal: Refusal, names: Readonly<Record<string, string>>): Refusal {
  const renamed = (field: string): string => {
    const name = Object.keys(names).find((each) => field === each || field.startsWith(`${each}.`) || field.startsWith(`${each}[`))
    return name === undefined ? field : `${names[name]}${field.slice(name.length)}`
  }
  return { ...refusal, details: refusal.details.map(({ field, reason }) => ({ field: renamed(field), reason })) }
}
