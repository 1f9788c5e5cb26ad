#!/usr/bin/env node
/** The `sinter` command. */
import { readFileSync } from "node:fs";
import yargs, { type Argv } from "yargs";
import { hideBin } from "yargs/helpers";
import { compareCommand } from "./compare.ts";
import { compileCommand } from "./compile.ts";
import { convertCommand } from "./convert.ts";
import { doctorCommand } from "./doctor.ts";
import { explainCommand } from "./explain.ts";
import { guard, UsageError } from "./failure.ts";
import { inspectCommand } from "./inspect.ts";
import { listCommand } from "./list.ts";
import { withNetworkAsModel } from "./networks.ts";
import { optCommand } from "./opt.ts";
import { printCommand } from "./print.ts";
import { runCommand } from "./run.ts";

const commands: readonly ((y: Argv) => Argv<unknown>)[] = [
  compileCommand,
  runCommand,
  compareCommand,
  convertCommand,
  inspectCommand,
  printCommand,
  optCommand,
  listCommand,
  doctorCommand,
  explainCommand,
];

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };

/** Options that may be given again and again. */
const lists: ReadonlySet<string> = new Set(["dim", "option", "input-value", "numerics", "print-after", "input", "reference"]);

/** Throws a `UsageError` that names every option that was given twice but means one thing. */
function isGivenOnce(args: Readonly<Record<string, unknown>>): true {
  const twice = Object.keys(args).filter(
    (name) => name.length > 1 && /^[a-z-]+$/.test(name) && !lists.has(name) && Array.isArray(args[name]),
  );
  if (twice.length > 0) throw new UsageError(twice.map((name) => `--${name} is given more than once`).join("\n"));
  return true;
}

/** `help COMMAND` is `COMMAND --help`. */
const withHelp = (args: readonly string[]): readonly string[] => (args[0] === "help" ? [...args.slice(1), "--help"] : args);

function parser(): Argv {
  const base = yargs(withNetworkAsModel(withHelp(hideBin(process.argv))))
    .scriptName("sinter")
    .usage("$0 COMMAND ...\n\nCompiles trained neural networks to source code, and runs them.")
    .parserConfiguration({ "dot-notation": false, "greedy-arrays": true })
    .version(version)
    .help()
    .alias("help", "h")
    .strict()
    .demandCommand(1, "name a command")
    .check(isGivenOnce)
    .updateStrings({
      "Unknown command: %s": { one: "there is no command '%s'", other: "there are no commands %s" },
      "Unknown argument: %s": { one: "there is no command or option '%s'", other: "there are no commands or options %s" },
      "Missing required argument: %s": { one: "missing: %s", other: "missing: %s" },
    } as unknown as Record<string, string>)
    .wrap(120)
    .exitProcess(false)
    .fail((message: string | null, error: unknown) => {
      const text = message?.replace(/^Not enough non-option arguments:.*/, "an argument is missing");
      throw error instanceof Error ? error : new UsageError(`${text ?? "bad usage"}\nsinter COMMAND --help says what there is`);
    });
  return commands.reduce<Argv>((y, add) => add(y), base);
}

// A reader that has seen enough (`sinter print ... | head`) is no failure.
process.stdout.on("error", (e: NodeJS.ErrnoException) => {
  if (e.code !== "EPIPE") throw e;
});

await guard(async () => {
  await parser().parseAsync();
});
