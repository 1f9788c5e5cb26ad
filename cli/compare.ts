/** `sinter compare`: a model on several targets, or against given outputs: the first values that differ. */
import type { Argv } from "yargs";
import { findCompiler } from "../runtime/node/build-c.ts";
import type { CompileArguments } from "./compile-model.ts";
import { type Difference, defaultTolerance, differenceOf, type Tolerance, toleranceText } from "./difference.ts";
import { exitCodes, InputError, UsageError } from "./failure.ts";
import { formatValue } from "./format-value.ts";
import type { NpyArray } from "./npy.ts";
import { codegenArguments, modelArguments } from "./options.ts";
import { passArguments } from "./pass-options.ts";
import { bytesOf, type InputArguments, inputArguments, runModel, runnableTargets } from "./run.ts";
import { toJson } from "./table.ts";
import { readTensorFile } from "./tensor-files.ts";

export const compareCommand = (y: Argv) =>
  y.command(
    "compare <model>",
    "run a model on several targets and say where their outputs differ",
    (y) =>
      inputArguments(passArguments(codegenArguments(modelArguments(y))))
        .hide("target")
        .option("targets", {
          type: "string",
          requiresArg: true,
          describe: "A,B,...: the first is what the others are held against; default: js,c where there is a C compiler",
        })
        .option("reference", { type: "string", array: true, describe: "FILE.npy or FILE.pb per output: what all targets are held against" })
        .option("rtol", {
          type: "number",
          requiresArg: true,
          describe: `tolerance relative to the reference; rtol and atol by default: ${toleranceText}`,
        })
        .option("atol", { type: "number", requiresArg: true, describe: "absolute tolerance, which is added" })
        .option("json", { type: "boolean", describe: "print as JSON" })
        .example("$0 compare model.onnx -i random:1", ""),
    (args) => compare(args),
  );

interface CompareArguments {
  readonly targets?: string | undefined;
  readonly reference?: readonly string[] | undefined;
  readonly rtol?: number | undefined;
  readonly atol?: number | undefined;
  readonly json?: boolean | undefined;
}

/** Named outputs of one side. */
interface Side {
  readonly name: string;
  readonly outputs: readonly NpyArray[];
}

interface Comparison extends Difference {
  readonly output: string;
  readonly a: string;
  readonly b: string;
}

async function compare(args: CompileArguments & InputArguments & CompareArguments): Promise<void> {
  const names = targetNames(args);
  const given = (args.reference ?? []).map(readTensorFile);
  const sides: Side[] = [];
  let outputs: readonly string[] = [];
  for (const name of names) {
    const { infos, tensors } = await runModel(args, name);
    outputs = infos.map((o) => o.name);
    sides.push({ name, outputs: tensors.map((t) => ({ dtype: t.dtype, dims: t.dims, bytes: bytesOf(t) })) });
  }
  if (args.reference && given.length !== outputs.length) {
    throw new UsageError(`--reference takes one file per output, of which there are ${outputs.length}: ${outputs.join(", ")}`);
  }
  const reference: Side = args.reference ? { name: "reference", outputs: given } : sides.shift()!;
  const found = outputs.flatMap((output, i) => sides.map((side) => compareOutput(output, i, side, reference, args)));
  console.log(args.json ? toJson({ outputs: found }) : found.map(comparisonText).join("\n"));
  if (found.some((c) => c.count > 0)) process.exitCode = exitCodes.input;
}

function targetNames(args: CompareArguments): readonly string[] {
  const names: readonly string[] = args.targets?.split(",") ?? (findCompiler() === undefined ? ["js"] : ["js", "c"]);
  const wrong = names.filter((n) => !runnableTargets.includes(n));
  if (wrong.length > 0)
    throw new UsageError(`${wrong.map((n) => `'${n}'`).join(", ")} does not run here; --targets takes ${runnableTargets.join(", ")}`);
  if (!args.reference && names.length < 2) {
    throw args.targets === undefined
      ? new InputError("there is no C compiler, so there is only js: give the outputs that it is held against with --reference")
      : new UsageError("one target alone is compared with nothing: name two, or give --reference");
  }
  return names;
}

function compareOutput(output: string, index: number, side: Side, reference: Side, args: CompareArguments): Comparison {
  const [a, b] = [side.outputs[index]!, reference.outputs[index]!];
  const usual = defaultTolerance(a.dtype);
  const tolerance: Tolerance = { relative: args.rtol ?? usual.relative, absolute: args.atol ?? usual.absolute };
  return { output, a: side.name, b: reference.name, ...differenceOf(a, b, tolerance) };
}

function comparisonText(c: Comparison): string {
  const head = `${c.output}: ${c.a} and ${c.b}`;
  if (c.misfit !== undefined) return `${head} differ in type: ${c.misfit}`;
  const most = `at most ${formatValue(c.maxAbsolute)} apart, relatively ${formatValue(c.maxRelative)}, ${c.maxUlp} ulp`;
  if (!c.first) return `${head} agree: ${most}`;
  const { at, a, b } = c.first;
  return `${head} differ in ${c.count} elements, first at [${at.join(",")}]: ${a} and ${b}; ${most}`;
}
