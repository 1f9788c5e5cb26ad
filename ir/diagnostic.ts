/**
 * What Sinter tells a user about the user's input. A diagnostic is data; `formatDiagnostic` is its text.
 *
 * Messages are one clause, lower case, without a full stop, names in 'quotes', types in the text form.
 */
import { formatLocation, type Location } from "./location.ts";

export const diagnosticCodes = [
  "syntax", // the text or the encoding is malformed
  "truncated", // the file ends too early, or a length in it lies
  "limit", // the file asks for more than a reader accepts
  "encrypted", // a key is needed, or the one given does not fit
  "unknown-op", // no operator of that name exists
  "bad-operand", // an operand is missing, undefined or of the wrong kind
  "bad-attribute", // an attribute is missing or has the wrong value
  "type-mismatch", // types or shapes do not fit each other
  "invalid-graph", // a value used before it is defined, a cycle, two definitions of one name
  "external-data", // weights outside the model file that cannot be read
  "unsupported-op", // the operator is known, but not carried
  "unsupported-attribute", // the operator is carried, but not with this attribute
  "unsupported-type", // an element type or a kind of value that is not carried
  "unsupported-by-target", // the target refuses it
  "usage", // the command line is at fault
  "precision", // warnings
  "ignored",
] as const;
export type DiagnosticCode = (typeof diagnosticCodes)[number];

export interface Diagnostic {
  readonly severity: "error" | "warning" | "note";
  readonly code: DiagnosticCode;
  readonly location: Location;
  readonly message: string;
  readonly expected?: string;
  readonly received?: string;
  /** What the user can do about it. */
  readonly remedy?: string;
  /** Of unsupported things: the operator's name in the file's own terms. */
  readonly op?: string;
  /** Of operands that must be known at compile time: the inputs of the model that they are computed from. */
  readonly inputs?: readonly string[];
  readonly notes?: readonly { readonly location: Location; readonly message: string }[];
}

/** Collects diagnostics, so that one run reports every problem. */
export class Diagnostics {
  readonly list: Diagnostic[] = [];

  report(d: Diagnostic): void {
    this.list.push(d);
  }

  error(code: DiagnosticCode, location: Location, message: string, more: Partial<Diagnostic> = {}): void {
    this.report({ severity: "error", code, location, message, ...more });
  }

  warn(code: DiagnosticCode, location: Location, message: string, more: Partial<Diagnostic> = {}): void {
    this.report({ severity: "warning", code, location, message, ...more });
  }

  get errors(): readonly Diagnostic[] {
    return this.list.filter((d) => d.severity === "error");
  }

  /** Throws a `CompileError` with everything reported so far when any of it is an error. */
  throwIfErrors(): void {
    if (this.errors.length > 0) throw new CompileError(this.list);
  }
}

/** The user's input is at fault; carries all diagnostics, at least one of them an error. */
export class CompileError extends Error {
  override readonly name = "CompileError";
  constructor(readonly diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map((d) => formatDiagnostic(d)).join("\n"));
  }

  static of(code: DiagnosticCode, location: Location, message: string, more: Partial<Diagnostic> = {}): CompileError {
    return new CompileError([{ severity: "error", code, location, message, ...more }]);
  }
}

/**
 * Thrown by an op's `infer` and by attribute checks; whoever creates the op knows the location and
 * turns it into a diagnostic.
 */
export class OpError extends Error {
  override readonly name = "OpError";
  constructor(
    message: string,
    readonly code: DiagnosticCode = "type-mismatch",
    readonly more: Partial<Diagnostic> = {},
  ) {
    super(message);
  }
}

/** The diagnostic's text; `sourceText`, when given, is the text file it points into. */
export function formatDiagnostic(d: Diagnostic, sourceText?: string): string {
  const lines = [`${formatLocation(d.location)}: ${d.severity}: ${d.message}`];
  const { line, column } = d.location;
  const text = line === undefined ? undefined : sourceText?.split("\n")[line - 1];
  if (text !== undefined) {
    const gutter = `  ${line} | `;
    lines.push(gutter + text, `${" ".repeat(gutter.length - 2)}| ${" ".repeat((column ?? 1) - 1)}^`);
  }
  if (d.expected !== undefined) lines.push(`  expected: ${d.expected}`);
  if (d.received !== undefined) lines.push(`  received: ${d.received}`);
  if (d.remedy !== undefined) lines.push(`  help: ${d.remedy}`);
  for (const n of d.notes ?? []) lines.push(`note: ${n.message} (${formatLocation(n.location)})`);
  return lines.join("\n");
}
