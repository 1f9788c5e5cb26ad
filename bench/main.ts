/** `npm run bench`: measures generated code on this machine, on one core. */
import { parseArgs } from "node:util";
import { benchKernels } from "./kernels.ts";
import { benchNetworks } from "./networks.ts";
import { benchPair } from "./pair.ts";

const usage = `usage: npm run bench -- --kernels | --integer-kernels [--mcpu NAME] [FILTER]
       npm run bench -- --networks [FILTER]
       npm run bench -- --pair FOLDER FOLDER`;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      kernels: { type: "boolean" },
      "integer-kernels": { type: "boolean" },
      networks: { type: "boolean" },
      pair: { type: "boolean" },
      mcpu: { type: "string", default: "native" },
    },
    allowPositionals: true,
  });
  if ([values.kernels, values["integer-kernels"], values.networks, values.pair].filter(Boolean).length !== 1) {
    console.error(usage);
    return 2;
  }
  if (values.pair) await benchPair(positionals);
  else if (values.networks) await benchNetworks(positionals[0] ?? "");
  else benchKernels(positionals[0] ?? "", values.kernels ? "f32" : "u8", values.mcpu);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
