/** How the command ends: what went wrong decides the exit code. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompileError, type Diagnostic, formatDiagnostic } from "../ir/diagnostic.ts";
import { readFileSync } from "node:fs";

export const exitCodes = { good: 0, input: 1, usage: 2, bug: 70 } as const;

/** The command line is at fault. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What the user gave cannot be worked with, for a reason that is no diagnostic of the compiler's. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** The graph before the step that failed, for reproducers; set while a command works on one. */
export const lastGraph: { text?: () => string } = {};

/** Diagnostics to stderr, with the line they point at where they point into text. */
export function printDiagnostics(list: readonly Diagnostic[]): void {
  for (const d of list) console.error(formatDiagnostic(d, sourceText(d)));
}

function sourceText(d: Diagnostic): string | undefined {
  if (d.location.line === undefined) return undefined;
  try {
    return readFileSync(d.location.source, "utf8");
  } catch {
    return undefined;
  }
}

/** Runs a command; sets the process's exit code and prints why it is not 0. */
export async function guard(command: () => Promise<number | undefined> | Promise<void>): Promise<void> {
  try {
    process.exitCode = (await command()) ?? exitCodes.good;
  } catch (e) {
    process.exitCode = explain(e);
  }
}

function explain(e: unknown): number {
  if (e instanceof CompileError) {
    printDiagnostics(e.diagnostics);
    return exitCodes.input;
  }
  if (e instanceof UsageError || e instanceof InputError) {
    console.error(`sinter: ${e.message}`);
    return e instanceof UsageError ? exitCodes.usage : exitCodes.input;
  }
  console.error(`sinter: internal error: ${e instanceof Error ? (e.stack ?? e.message) : String(e)}`);
  console.error(`sinter: this is a bug; what reproduces it is in ${writeReproducer(e)}`);
  return exitCodes.bug;
}

/** A folder with the command line, the error and, where there is one, the graph before the failing step. */
function writeReproducer(e: unknown): string {
  const folder = mkdtempSync("reproducer-");
  const stack = e instanceof Error ? (e.stack ?? e.message) : String(e);
  writeFileSync(join(folder, "command.txt"), `${process.argv.slice(1).join(" ")}\n\n${stack}\n`);
  try {
    const text = lastGraph.text?.();
    if (text !== undefined) writeFileSync(join(folder, "graph.sir"), text);
  } catch {
    writeFileSync(join(folder, "graph.sir"), "// the graph could not be printed\n");
  }
  return folder;
}
