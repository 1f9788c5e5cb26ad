/**
 * Writes `docs/networks.md`: every network with its options and what compiling it to C takes on this machine, each in a
 * process of its own: `npm run docs:networks`.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileGraph } from "../codegen/compile.ts";
import { findTarget } from "../codegen/targets.ts";
import { findNetwork, networks } from "../frontend/networks/index.ts";
import { type AnyNetwork, buildNetwork, type NetworkOption, seededParameters } from "../frontend/networks/network.ts";
import { writeFiles } from "../cli/write-artifact.ts";
import { Diagnostics } from "../ir/diagnostic.ts";
import { formatType } from "../ir/type.ts";

const out = fileURLToPath(new URL("../../docs/networks.md", import.meta.url));

/** What one network is and takes. */
interface Measured {
  readonly parameters: number;
  readonly tensors: number;
  /** As built, and after all passes. */
  readonly ops: number;
  readonly kernels: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Processor time of building, optimising and printing. */
  readonly seconds: number;
  readonly peakBytes: number;
}

function measure(definition: AnyNetwork): Measured {
  const { graph, parameters } = buildNetwork(definition, {}, seededParameters(1));
  const facts = {
    parameters: parameters.reduce((sum, p) => sum + (p.type.shape as readonly number[]).reduce((a, b) => a * b, 1), 0),
    tensors: parameters.length,
    ops: [...graph.ops()].filter((op) => op.name !== "constant").length,
    inputs: graph.inputs.map((v) => formatType(v.type)),
    outputs: graph.outputs.map((v) => formatType(v.type)),
  };
  const { program, artifact } = compileGraph(graph, findTarget("c")!, { name: definition.name }, new Diagnostics());
  const dir = mkdtempSync(join(tmpdir(), "sinter-networks-"));
  try {
    writeFiles(artifact, dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return { ...facts, kernels: program.kernels.length, seconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 };
}

function measureElsewhere(name: string): Measured {
  const text = execFileSync(process.execPath, ["--max-old-space-size=4096", fileURLToPath(import.meta.url), name], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return JSON.parse(text) as Measured;
}

const grouped = (n: number): string => n.toLocaleString("en-US");
const code = (texts: readonly string[]): string => texts.map((t) => `\`${t}\``).join(", ");

function row({ name }: AnyNetwork, m: Measured): string {
  const cells = [
    `\`${name}\``,
    grouped(m.parameters),
    grouped(m.tensors),
    grouped(m.ops),
    grouped(m.kernels),
    m.seconds.toFixed(1),
    grouped(Math.round(m.peakBytes / 2 ** 20)),
  ];
  return `| ${cells.join(" | ")} |`;
}

const optionText = ([name, o]: readonly [string, NetworkOption]): string =>
  `- \`${name}\`: ${o.summary}; ${o.kind === "choice" ? `${o.choices.join(", ")}; ` : ""}default ${o.default}`;

function section(definition: AnyNetwork, m: Measured): string {
  const options = Object.entries(definition.options as Readonly<Record<string, NetworkOption>>).map(optionText);
  const types = [`Inputs: ${code(m.inputs)}.`, `Outputs: ${code(m.outputs.slice(0, 9))}${m.outputs.length > 9 ? ", ..." : ""}.`];
  return [`## ${definition.name}`, "", definition.summary, "", ...types, "", ...options].join("\n");
}

function write(): void {
  const measured = networks.map((n) => {
    console.error(n.name);
    return [n, measureElsewhere(n.name)] as const;
  });
  const machine = `${cpus()[0]?.model ?? "an unknown processor"}, ${cpus().length} processors, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const head = [
    "# Networks",
    "",
    "What `--network NAME` names: MindSpore 1.1's model zoo in inference, for checkpoints, which hold weights only. Parameters have",
    "MindSpore's names and shapes. `--option NAME=VALUE` sets an option, `--batch N` is `--option batch=N`, `--weights FILE` binds a checkpoint.",
    "",
    "```sh",
    "sinter run --network lenet --batch 2 --weights random:1 -t js -i random:2",
    "```",
    "",
    `Written by \`npm run docs:networks\` on ${machine}: what compiling to C takes with default options, the C compiler's time apart.`,
    "Ops are those of the graph as built, without constants; kernels are distinct functions in the C.",
    "",
    "| network | parameters | tensors | ops | kernels | seconds | MiB |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...measured.map(([n, m]) => row(n, m)),
    "",
  ];
  writeFileSync(out, `${[...head, ...measured.flatMap(([n, m]) => [section(n, m), ""])].join("\n").trimEnd()}\n`);
  console.error(`${statSync(out).size} bytes in ${out}`);
}

const [name] = process.argv.slice(2);
if (name === undefined) write();
else console.log(JSON.stringify(measure(findNetwork(name)!)));
