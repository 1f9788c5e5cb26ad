/** `sinter list`: what there is. */
import type { Argv } from "yargs";
import { targets } from "../codegen/targets.ts";
import type { ModelFormat } from "../frontend/detect.ts";
import { importFormats } from "../frontend/import.ts";
import { weightsFormats } from "../frontend/weights.ts";
import { allOps } from "../ir/define.ts";
import "../ir/ops/index.ts";
import { allPasses, defaultPasses } from "../passes/index.ts";
import { networkRows } from "./networks.ts";
import { formatTable, toJson } from "./table.ts";

const kinds = ["ops", "passes", "targets", "formats", "networks"] as const;
type Kind = (typeof kinds)[number];
interface Row {
  readonly name: string;
  readonly summary: string;
}

export const listCommand = (y: Argv) =>
  y.command(
    "list <kind>",
    "list the ops of graphs, the passes, the targets, the formats of models or the networks by name",
    (y) =>
      y
        .positional("kind", { choices: kinds, demandOption: true, describe: "what to list" })
        .option("json", { type: "boolean", describe: "print as JSON" }),
    ({ kind, json }) => {
      const rows = lists[kind]();
      console.log(
        json
          ? toJson(rows)
          : formatTable(
              ["name", "summary"],
              rows.map((r) => [r.name, r.summary]),
            ),
      );
    },
  );

const formats: Readonly<Record<ModelFormat, string>> = {
  mindir: "MindSpore's MindIR (.mindir), encrypted with --key",
  onnx: "ONNX (.onnx), opsets 7 to 26",
  sir: "Sinter's text (.sir)",
  checkpoint: "MindSpore's checkpoints (.ckpt): weights, encrypted with --key",
  air: "Ascend's AIR (.air), operators of MindSpore 1.1 and 2.x",
  mslite: "MindSpore Lite (.ms), 0.7 to 2.x, quantised and compressed weights",
  safetensors: "safetensors (.safetensors): weights",
  npz: "NumPy's archives (.npz): weights",
};

const lists: Readonly<Record<Kind, () => readonly Row[]>> = {
  ops: () => allOps().map(({ name, summary }) => ({ name, summary })),
  passes: listPasses,
  targets: () => targets.map(({ name, summary }) => ({ name, summary })),
  networks: networkRows,
  formats: () => [...importFormats, ...weightsFormats].map((name) => ({ name, summary: formats[name] })),
};

/** Those that run by default in their order, then those of targets, then the others. */
function listPasses(): Row[] {
  const usual = new Set(defaultPasses());
  const ofTargets = targets.flatMap((t) => t.passes({ name: "" }).map((p) => ({ name: p.name, summary: `${p.summary} (${t.name})` })));
  const others = allPasses.filter((p) => !usual.has(p));
  const rows = [...[...usual].map((p) => ({ name: p.name, summary: `${p.summary} (default)` })), ...ofTargets, ...others];
  return rows.filter((r, i) => rows.findIndex((other) => other.name === r.name) === i).map(({ name, summary }) => ({ name, summary }));
}
