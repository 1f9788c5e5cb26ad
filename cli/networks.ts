/** Networks by name, where commands take a model: `--network NAME` stands for the file. */
import {
  completeOptions,
  type AnyNetwork,
  type BuiltNetwork,
  buildNetwork,
  type NetworkOption,
  seededParameters,
} from "../frontend/networks/network.ts";
import { findNetwork, networks } from "../frontend/networks/index.ts";
import { InputError, UsageError } from "./failure.ts";

export interface NetworkArguments {
  readonly batch?: number | undefined;
  readonly option?: readonly string[] | undefined;
}

const prefix = "network:";

/** The network that a model argument names; undefined where it names a file. */
export const networkOf = (model: string): string | undefined => (model.startsWith(prefix) ? model.slice(prefix.length) : undefined);

/** The arguments with `--network NAME` as the model, which is the first one after the command. */
export function withNetworkAsModel(args: readonly string[]): readonly string[] {
  const at = args.findIndex((a) => a === "--network" || a.startsWith("--network="));
  if (at < 1) return args;
  const name = args[at]!.includes("=") ? args[at]!.slice("--network=".length) : args[at + 1];
  if (name === undefined || name === "" || name.startsWith("-")) throw new UsageError("--network takes the name of a network");
  const rest = args.filter((_, i) => i !== at && (args[at]!.includes("=") || i !== at + 1));
  return [rest[0]!, prefix + name, ...rest.slice(1)];
}

/** The network with the options of the command line, its parameters random numbers that follow from the seed. */
export function namedNetwork(name: string, args: NetworkArguments, seed: number): BuiltNetwork {
  const definition = findNetwork(name);
  if (!definition) throw new InputError(`there is no network '${name}'; there are ${networks.map((n) => n.name).join(", ")}`);
  return buildNetwork(definition, given(definition, args), seededParameters(seed));
}

function given(definition: AnyNetwork, { batch, option = [] }: NetworkArguments): Record<string, string> {
  const wrong = option.filter((text) => !/^[^=]+=./.test(text));
  if (wrong.length > 0) throw new UsageError(wrong.map((text) => `--option takes NAME=VALUE, not '${text}'`).join("\n"));
  const options = Object.fromEntries(
    option.map((text): [string, string] => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]),
  );
  const all = batch === undefined ? options : { ...options, batch: String(batch) };
  try {
    completeOptions(definition, all);
  } catch (e) {
    throw e instanceof RangeError ? new UsageError(e.message) : e;
  }
  return all;
}

/** Each network with its options and their defaults. */
export const networkRows = (): { name: string; summary: string }[] =>
  networks.map(({ name, summary, options }) => {
    const defaults = Object.entries(options as Readonly<Record<string, NetworkOption>>).map(([key, o]) => `${key}=${o.default}`);
    return { name, summary: `${summary} Options: ${defaults.join(" ")}` };
  });
