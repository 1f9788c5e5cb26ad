/** `npm run bench -- --kernels`: measures generated code on this machine, on one core. */
import { parseArgs } from "node:util";
import { benchKernels } from "./kernels.ts";

const usage = "usage: npm run bench -- --kernels | --integer-kernels [--mcpu NAME] [FILTER]";

function main(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { kernels: { type: "boolean" }, "integer-kernels": { type: "boolean" }, mcpu: { type: "string", default: "native" } },
    allowPositionals: true,
  });
  if (values.kernels === values["integer-kernels"]) {
    console.error(usage);
    return 2;
  }
  benchKernels(positionals[0] ?? "", values.kernels ? "f32" : "u8", values.mcpu);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
