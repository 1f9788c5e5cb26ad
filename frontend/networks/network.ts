/** `defineNetwork`: the one place a network is declared, with its options. */
import type { Graph, Value } from "../../ir/graph.ts";
import { randomWeights } from "../random-weights.ts";
import { Cell, type Parameter, type ParameterSource } from "./cell.ts";

/** An option is a whole number with a least value, or one of several words. */
export interface CountOption {
  readonly kind: "count";
  readonly summary: string;
  readonly default: number;
  readonly least: number;
}
export interface ChoiceOption<T extends string = string> {
  readonly kind: "choice";
  readonly summary: string;
  readonly default: T;
  readonly choices: readonly T[];
}
export type NetworkOption = CountOption | ChoiceOption;
type NetworkOptions = Readonly<Record<string, NetworkOption>>;

export const count = (value: number, summary: string, least = 1): CountOption => ({ kind: "count", summary, default: value, least });
export const choice = <const T extends string>(value: NoInfer<T>, choices: readonly T[], summary: string): ChoiceOption<T> => ({
  kind: "choice",
  summary,
  default: value,
  choices,
});

type Given<O extends NetworkOptions> = { readonly [K in keyof O]: O[K] extends ChoiceOption<infer T> ? T : number };

export interface NetworkDefinition<O extends NetworkOptions = NetworkOptions> {
  /** As the command line names it. */
  readonly name: string;
  /** One sentence: what it is, and the source of its architecture. */
  readonly summary: string;
  readonly options: O;
  /** Builds the network in inference and gives its outputs. */
  readonly build: (cell: Cell, options: Given<O>) => readonly Value[] | Value;
}
// A definition of some network, when which one does not matter.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyNetwork = NetworkDefinition<any>;

export const defineNetwork = <const O extends NetworkOptions>(definition: NetworkDefinition<O>): NetworkDefinition<O> => definition;

/** A network with its parameters, those that its outputs do not need among them, in the order of its checkpoints. */
export interface BuiltNetwork {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
}

/** Options given as numbers or text, completed by the defaults; throws a `RangeError` that lists all that do not fit. */
export function completeOptions(definition: AnyNetwork, given: Readonly<Record<string, string | number>>): Record<string, string | number> {
  const options = definition.options as NetworkOptions;
  const known = Object.keys(options);
  const problems = Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => `the network '${definition.name}' has no option '${name}'; it has ${known.join(", ")}`);
  const completed = Object.entries(options).map(([name, option]): [string, string | number] => {
    const value = given[name] === undefined ? option.default : parseOption(option, given[name]);
    if (value !== undefined) return [name, value];
    problems.push(`the option '${name}' of '${definition.name}' takes ${takes(option)}, not '${given[name]!}'`);
    return [name, option.default];
  });
  if (problems.length > 0) throw new RangeError(problems.join("\n"));
  return Object.fromEntries(completed);
}

const takes = (option: NetworkOption): string =>
  option.kind === "count" ? `a whole number from ${option.least}` : `one of ${option.choices.join(", ")}`;

function parseOption(option: NetworkOption, text: string | number): string | number | undefined {
  if (option.kind === "choice") return option.choices.find((c) => c === String(text));
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= option.least ? value : undefined;
}

/** Parameters of random numbers that follow from the seed. */
export const seededParameters =
  (seed: number): ParameterSource =>
  ({ name, type, init }) =>
    randomWeights(seed, name, type, init);

/** The network's graph in inference, with the parameters that `source` gives. */
export function buildNetwork(
  definition: AnyNetwork,
  options: Readonly<Record<string, string | number>>,
  source: ParameterSource,
): BuiltNetwork {
  const cell = Cell.root(definition.name.replace(/\W+/g, "_"), source);
  const outputs = definition.build(cell, completeOptions(definition, options));
  cell.graph.setOutputs(Array.isArray(outputs) ? (outputs as readonly Value[]) : [outputs as Value]);
  return { graph: cell.graph, parameters: cell.parameters };
}
