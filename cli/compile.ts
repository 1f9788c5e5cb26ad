/** `sinter compile`: a model becomes an artifact. */
import type { Argv } from "yargs";
import type { Artifact } from "../codegen/target.ts";
import { buildC, findCompiler } from "../runtime/node/build-c.ts";
import { compileModel, type CompileArguments } from "./compile-model.ts";
import { InputError, UsageError } from "./failure.ts";
import { codegenArguments, modelArguments, targetOf } from "./options.ts";
import { passArguments } from "./pass-options.ts";
import { grouped } from "./table.ts";
import { checkReplaceable, writeArtifact } from "./write-artifact.ts";

export const compileCommand = (y: Argv) =>
  y.command(
    "compile <model>",
    "compile a model to a folder of source files",
    (y) =>
      passArguments(codegenArguments(modelArguments(y)))
        .option("output", {
          alias: "o",
          type: "string",
          demandOption: true,
          requiresArg: true,
          describe: "the folder; an artifact in it is replaced",
        })
        .option("build", { type: "boolean", describe: "C: build the shared library too" })
        .example("$0 compile model.onnx -t c -o model", ""),
    (args) => compile(args, args.output, args.build === true),
  );

async function compile(args: CompileArguments, output: string, build: boolean): Promise<void> {
  const target = targetOf(args);
  if (build && target.name !== "c") throw new UsageError(`--build is about C; models compiled for '${target.name}' are not built`);
  if (build && findCompiler() === undefined)
    throw new InputError("--build needs a C compiler, and none was found: install gcc or clang, or name one in CC");
  checkReplaceable(output);
  const made = await compileModel(args, target, async ({ artifact }, progress) => {
    progress.phase("writing");
    await writeArtifact(artifact, output, async (dir) => {
      if (!build) return;
      progress.phase("building the library");
      await buildC(dir, artifact.manifest);
    });
    return summary(artifact);
  });
  console.error(`${output}: ${made}`);
}

function summary({ files, manifest: { target, weights, arenaBytes } }: Artifact): string {
  const arena = arenaBytes === null ? "an arena that depends on the inputs' shapes" : `an arena of ${grouped(arenaBytes)} bytes`;
  return `${target}, ${files.size} files, ${grouped(weights.bytes)} bytes of weights, ${arena}`;
}
