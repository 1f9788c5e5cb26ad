/** How the command ends: what went wrong decides the exit code. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CompileError, type Diagnostic, formatDiagnostic } from "../ir/diagnostic.ts";

export const exitCodes = { good: 0, input: 1, usage: 2, bug: 70 } as const;

/** The command line is at fault; one problem per line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What the user gave cannot be worked with, for a reason that is no diagnostic of the compiler's; one problem per line. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** Writes what reproduces a failure into a folder, beside the command line; set while a command works on a graph. */
export const reproducer: { write?: (folder: string, error: unknown) => Promise<void> } = {};

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
export async function guard(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (e) {
    process.exitCode = await explain(e);
  }
}

async function explain(e: unknown): Promise<number> {
  if (e instanceof CompileError) {
    printDiagnostics(e.diagnostics);
    return exitCodes.input;
  }
  if (e instanceof UsageError || e instanceof InputError || isSystemError(e)) {
    for (const line of e.message.split("\n")) console.error(`sinter: ${line}`);
    return e instanceof UsageError ? exitCodes.usage : exitCodes.input;
  }
  console.error(`sinter: internal error: ${stackOf(e)}`);
  console.error(`sinter: this is a bug; what reproduces it is in ${await writeReproducer(e)}`);
  return exitCodes.bug;
}

/** A file or folder that cannot be read or written. */
const isSystemError = (e: unknown): e is Error => e instanceof Error && "syscall" in e && "path" in e;

const stackOf = (e: unknown): string => (e instanceof Error ? (e.stack ?? e.message) : String(e));

/** A folder with the command line, the error and what `reproducer` adds. */
async function writeReproducer(e: unknown): Promise<string> {
  const folder = mkdtempSync("reproducer-");
  writeFileSync(join(folder, "command.txt"), `${process.argv.slice(1).join(" ")}\n\n${stackOf(e)}\n`);
  try {
    await reproducer.write?.(folder, e);
  } catch (failure) {
    writeFileSync(join(folder, "no-graph.txt"), `the graph could not be written: ${stackOf(failure)}\n`);
  }
  return folder;
}
