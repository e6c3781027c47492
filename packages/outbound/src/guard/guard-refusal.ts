/** The guard does not let an address be reached. Names neither the address nor the rule: who reads it may be looking for open doors. */
export class GuardRefusal extends Error {
  override readonly name = "GuardRefusal"

  constructor() {
    super("the address is not allowed")
  }
}
