/** `sinter doctor`: what this machine can compile and run, and what to install. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { Argv } from "yargs";
import { machineFlags, machineFor } from "../codegen/c/machine.ts";
import { findCompiler } from "../runtime/node/build-c.ts";
import { toJson } from "./table.ts";

interface Finding {
  readonly name: string;
  readonly found: string;
  readonly good: boolean;
  /** What to do where it is not good. */
  readonly remedy?: string;
}

export const doctorCommand = (y: Argv) =>
  y.command(
    "doctor",
    "say what this machine can compile and run, and what to install",
    (y) => y.option("json", { type: "boolean", describe: "print as JSON" }),
    async ({ json }) => {
      const findings = [node(), ...compilers(), await koffi(), machine(), targets()];
      console.log(json ? toJson(findings) : findings.map(findingText).join("\n"));
    },
  );

const findingText = (f: Finding): string =>
  `${f.good ? "good" : "miss"}  ${f.name}: ${f.found}${f.remedy === undefined ? "" : `\n      ${f.remedy}`}`;

/** The least version of Node.js, from the package. */
function leastNode(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { engines: { node: string } };
  return manifest.engines.node.replace(/^>=\s*/, "");
}

function node(): Finding {
  const least = leastNode();
  const [have, want] = [process.versions.node, least].map((v) => v.split(".").map(Number)) as [number[], number[]];
  const good = have[0]! > want[0]! || (have[0] === want[0] && have[1]! >= (want[1] ?? 0));
  return { name: "Node.js", found: process.version, good, ...(!good && { remedy: `install Node.js ${least} or later` }) };
}

/** The first line that `COMMAND --version` prints. */
function versionOf(command: string): string | undefined {
  const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
  return status === 0 ? (stdout.split("\n")[0] ?? "") : undefined;
}

function compilers(): Finding[] {
  const named = process.env["CC"];
  const candidates = [...(named ? [named] : []), "gcc", "clang"];
  const used = findCompiler();
  const found = candidates.map((c): Finding => {
    const version = versionOf(c);
    if (version !== undefined) return { name: c, found: `${version}${c === used ? " (used)" : ""}`, good: true };
    if (c === named) return { name: "CC", found: `'${c}' does not run`, good: false, remedy: "name a C compiler in CC, or unset it" };
    return { name: c, found: "not installed", good: used !== undefined };
  });
  if (used !== undefined) return found;
  return [
    ...found,
    {
      name: "C compiler",
      found: "none",
      good: false,
      remedy: "install gcc or clang (Debian: apt-get install gcc); the target js needs none",
    },
  ];
}

async function koffi(): Promise<Finding> {
  try {
    const { default: library } = await import("koffi");
    return { name: "koffi", found: `${library.version} loads: compiled C runs in Node.js`, good: true };
  } catch (e) {
    return {
      name: "koffi",
      found: `does not load: ${(e as Error).message.split("\n")[0] ?? ""}`,
      good: false,
      remedy: "run npm ci again on this machine; the target js needs no koffi",
    };
  }
}

function machine(): Finding {
  const { lanes, registers } = machineFor("native");
  const size = `${availableParallelism()} threads, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  return {
    name: "--mcpu native",
    found: `${lanes} f32 lanes, ${registers} registers, ${machineFlags("native").join(" ") || "no flags"}; ${size}`,
    good: true,
  };
}

function targets(): Finding {
  const withC = findCompiler() !== undefined;
  return { name: "targets that run here", found: withC ? "c, js" : "js", good: true };
}
