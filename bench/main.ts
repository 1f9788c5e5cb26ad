/** `npm run bench -- --kernels`: measures generated code on this machine, on one core. */
import { benchKernels } from "./kernels.ts";

const usage = "usage: npm run bench -- --kernels [FILTER]";

function main(args: readonly string[]): number {
  const [what, filter] = args;
  if (what !== "--kernels") {
    console.error(usage);
    return 2;
  }
  benchKernels(filter);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
