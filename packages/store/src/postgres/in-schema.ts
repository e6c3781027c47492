/** Where the status views are that everybody reads. All SQL of this package names the schema, and always with the dot behind it. */
export const LIVE_SCHEMA = "posthorn"

/** SQL that is written for the live schema, for another one. */
export const inSchema = (text: string, schema: string): string =>
  schema === LIVE_SCHEMA ? text : text.replaceAll(`${LIVE_SCHEMA}.`, () => `${schema}.`)
