/** Names of a model's open extents, each given once. */
export class ExtentNames {
  private readonly taken = new Set<string>();

  /** Marks a name as taken. */
  add(name: string): void {
    this.taken.add(name);
  }

  has(name: string): boolean {
    return this.taken.has(name);
  }

  get all(): string[] {
    return [...this.taken];
  }

  /** `hint`, or `hint_1`, `hint_2`, ... where the model has that already. */
  fresh(hint: string): string {
    let name = hint;
    for (let i = 1; this.taken.has(name); i++) name = `${hint}_${i}`;
    this.taken.add(name);
    return name;
  }
}

/** A name with letters, digits and underscores only, for formats whose own names hold anything. */
export const identifierOf = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?![A-Za-z_])/, "_");
