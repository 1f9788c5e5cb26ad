/** What stands in the way of an import: every problem of a model, equal ones of several nodes as one diagnostic. */
import { type CompileError, type Diagnostic, Diagnostics } from "../ir/diagnostic.ts";
import type { Location } from "../ir/location.ts";

/** Other places of one problem that are written out. */
const mostNotes = 3;
/** More kinds of problems than anybody reads. */
const mostProblems = 200;

interface Problem {
  readonly first: Diagnostic;
  readonly others: Location[];
  count: number;
}

export class Problems {
  private readonly found = new Map<string, Problem>();
  /** Errors reported so far, repeated ones too. */
  errors = 0;
  private isEnded = false;

  /** Reports what ends the import; nothing after it counts. */
  end(d: Diagnostic): void {
    this.report(d);
    this.isEnded = true;
  }

  report(d: Diagnostic): void {
    if (this.isEnded) return;
    if (d.severity === "error") this.errors++;
    const key = [d.severity, d.op, d.code, d.message, d.expected, d.received].join("\n");
    const known = this.found.get(key);
    if (!known) {
      if (this.found.size < mostProblems) this.found.set(key, { first: d, others: [], count: 1 });
      return;
    }
    known.count++;
    if (known.others.length < mostNotes) known.others.push(d.location);
  }

  /** What was found so far, for `restore`. */
  mark(): { readonly found: readonly (readonly [string, Problem])[]; readonly errors: number } {
    return { found: [...this.found].map(([key, p]) => [key, { ...p, others: [...p.others] }]), errors: this.errors };
  }

  /** Forgets what was reported since the mark, and gives the errors of new kinds among it. */
  restore({ found, errors }: ReturnType<Problems["mark"]>): readonly Diagnostic[] {
    const before = new Set(found.map(([key]) => key));
    const forgotten = [...this.found].flatMap(([key, { first }]) => (before.has(key) || first.severity !== "error" ? [] : [first]));
    this.found.clear();
    for (const [key, p] of found) this.found.set(key, p);
    this.errors = errors;
    return forgotten;
  }

  error(code: Diagnostic["code"], location: Location, message: string, more: Partial<Diagnostic> = {}): void {
    this.report({ severity: "error", code, location, message, ...more });
  }

  warn(code: Diagnostic["code"], location: Location, message: string, more: Partial<Diagnostic> = {}): void {
    this.report({ severity: "warning", code, location, message, ...more });
  }

  /** One per kind, in the order of their first places; the message of a repeated one counts the places. */
  get diagnostics(): Diagnostic[] {
    return [...this.found.values()].map(({ first, others, count }) => {
      if (count === 1) return first;
      const notes = [...(first.notes ?? []), ...others.map((location) => ({ location, message: "also here" }))];
      return { ...first, message: `${first.message} (${count} times)`, notes };
    });
  }

  /** Throws a `CompileError` with all diagnostics when any is an error. */
  throwIfErrors(): void {
    const all = new Diagnostics();
    for (const d of this.diagnostics) all.report(d);
    all.throwIfErrors();
  }

  /** The diagnostics of an error that a reader threw. */
  take(error: CompileError, more: Partial<Diagnostic> = {}): void {
    for (const d of error.diagnostics) this.report({ ...d, ...more });
  }
}
