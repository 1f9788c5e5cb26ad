/**
 * File tests: `cases/<area>/*.test`. A file starts with `// RUN: COMMAND ARGS...`, then comes the input, then a line
 * `// ---- expected` and the exact text that the command gives. With UPDATE=1 the expected texts are rewritten.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "chai";
import { CompileError, formatDiagnostic } from "../ir/diagnostic.ts";
import { fileCommands } from "./file-commands.ts";

const folder = join("tests", "cases");
const separator = "// ---- expected\n";

interface Case {
  readonly command: string;
  readonly args: readonly string[];
  readonly input: string;
  readonly expected: string;
}

function readCase(text: string): Case {
  const [, run] = /^\/\/ RUN: (.+)\n/.exec(text) ?? [];
  if (run === undefined) throw new Error("the file does not start with '// RUN: COMMAND'");
  const [command, ...args] = run.trim().split(/\s+/);
  const at = text.indexOf(separator);
  const [input, expected] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
  return { command: command!, args, input, expected };
}

/** What the command gives: its text, or the diagnostics of the input. */
async function run({ command, args, input }: Case, file: string): Promise<string> {
  const action = fileCommands[command];
  if (!action) throw new Error(`there is no command '${command}' in tests/file-commands.ts`);
  try {
    return await action(input, file, args);
  } catch (e) {
    if (!(e instanceof CompileError)) throw e;
    return e.diagnostics.map((d) => `${formatDiagnostic(d, input)}\n`).join("");
  }
}

describe("files", () => {
  for (const area of readdirSync(folder).sort()) {
    describe(area, () => {
      const files = readdirSync(join(folder, area)).filter((f) => f.endsWith(".test"));
      for (const file of files.sort()) it(basename(file, ".test"), () => check(join(folder, area, file), file));
    });
  }
});

async function check(path: string, file: string): Promise<void> {
  const text = readFileSync(path, "utf8");
  const read = readCase(text);
  const actual = await run(read, file);
  if (process.env["UPDATE"]) {
    if (actual !== read.expected) writeFileSync(path, (read.input.endsWith("\n") ? read.input : `${read.input}\n`) + separator + actual);
  } else {
    expect(actual).to.equal(read.expected);
  }
}
