/** Ascend's offline models where commands take models: `sinter inspect` shows what the chip's compiler made. */
import { statSync } from "node:fs";
import { dtypeOfFile } from "../frontend/air/data-types.ts";
import type { GeModel, GeOp, GeTensorDescriptor } from "../frontend/air/messages.ts";
import { isOfflineModel, type OfflineModel, partitionKind, readOfflineModel, readTasks } from "../frontend/air/om.ts";
import { readAir } from "../frontend/air/read.ts";
import { FileSource } from "../frontend/bytes.ts";
import { formatTable, grouped, toJson } from "./table.ts";

/** The offline model at the path; undefined for other files and what is none. */
export function offlineModelAt(path: string): FileSource | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const source = new FileSource(path);
  return isOfflineModel(source) ? source : undefined;
}

/** The kind of partition that holds the tasks. */
const taskPartition = 2;

/** Prints partitions, operators with what they give, and how often each kernel runs. */
export function inspectOfflineModel(source: FileSource, json: boolean): void {
  const container = readOfflineModel(source);
  const report = reportOf(container, readAir(source));
  console.log(json ? toJson(report) : textOf(report));
}

interface Report {
  readonly name: string;
  readonly version: string;
  readonly partitions: readonly { readonly kind: string; readonly bytes: number }[];
  readonly ops: readonly { readonly type: string; readonly name: string; readonly results: readonly string[] }[];
  readonly kernels: readonly { readonly kernel: string; readonly runs: number }[];
}

function reportOf({ name, partitions }: OfflineModel, model: GeModel): Report {
  const runs = new Map<string, number>();
  for (const p of partitions.filter(({ type }) => type === taskPartition))
    for (const kernel of readTasks(p)) if (kernel !== "") runs.set(kernel, (runs.get(kernel) ?? 0) + 1);
  return {
    name,
    version: model.customVersion,
    partitions: partitions.map(({ type, data }) => ({ kind: partitionKind(type), bytes: data.byteLength })),
    ops: model.graph.flatMap((g) => g.op.map(opOf)),
    kernels: Array.from(runs, ([kernel, count]) => ({ kernel, runs: count })),
  };
}

const opOf = (op: GeOp): Report["ops"][number] => ({ type: op.type, name: op.name, results: op.outputDesc.map(resultText) });

/** `f16[1,2,20,20,16] NC1HWC0`. */
const resultText = ({ dtype, shape, layout }: GeTensorDescriptor): string =>
  `${dtypeOfFile(dtype) ?? `type ${dtype}`}[${(shape?.dim ?? []).join(",")}] ${layout}`;

function textOf(r: Report): string {
  const partitions = formatTable(
    ["partition", "bytes"],
    r.partitions.map((p) => [p.kind, grouped(p.bytes)]),
  );
  const ops = formatTable(
    ["op", "result", "name"],
    r.ops.map((o) => [o.type, o.results.join(", "), o.name]),
  );
  const kernels = formatTable(
    ["kernel", "runs"],
    r.kernels.map((k) => [k.kernel, grouped(k.runs)]),
  );
  return [`offline model ${r.name}, operators of version ${r.version || "unknown"}`, partitions, ops, kernels].join("\n\n");
}
