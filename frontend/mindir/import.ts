/** A MindIR model as a graph of ours. */
import type { Constant } from "../../ir/attribute.ts";
import { Builder } from "../../ir/define.ts";
import { CompileError, OpError } from "../../ir/diagnostic.ts";
import { type Dim, extent } from "../../ir/dim.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { formatType, tensor, type TensorType, type Type } from "../../ir/type.ts";
import type { ImportOptions, Imported } from "../options.ts";
import { Problems } from "../problems.ts";
import { declaredType, type OpenExtent } from "./declared.ts";
import { bareName, Evaluator } from "./evaluate.ts";
import { Frame } from "./frame.ts";
import {
  type MindirAttribute,
  MindirAttributeType as Kind,
  type MindirModel,
  type MindirTensor,
  type MindirValueInfo,
} from "./messages.ts";
import { mindirExternalFiles } from "./read.ts";
import { local, tensorOf } from "./region-values.ts";
import { describe, isKind, isValue, type Item, monad, none, tupleOf, unknown } from "./values.ts";

/** Types of inputs by name, for files that declare none, as the gradient graphs that MindSpore ships. */
export interface MindirImportOptions extends ImportOptions {
  readonly inputTypes?: ReadonlyMap<string, Type>;
}

/**
 * The graph of a model. Its inputs and outputs are the model's in order, those that are tuples element by element;
 * weights are constants under their bare names. Axes of unknown extent become named extents `input_axis`.
 *
 * Throws a `CompileError` that lists everything that is not supported or does not fit; warnings come with the result.
 */
export function importMindir(model: MindirModel, options: MindirImportOptions = {}): Imported {
  const importer = new Importer(model, options);
  const graph = importer.run();
  return { graph, diagnostics: importer.problems.diagnostics };
}

class Importer {
  readonly problems = new Problems();
  private readonly graph = new Graph("main");
  private readonly evaluator: Evaluator;
  private readonly builder: Builder;
  private readonly source: string;

  constructor(
    private readonly model: MindirModel,
    private readonly options: MindirImportOptions,
  ) {
    this.source = model.source.name;
    const files = mindirExternalFiles(model.source, { key: options.key });
    this.evaluator = new Evaluator(model, this.problems, files);
    this.builder = new Builder(this.graph, { source: this.source }, undefined, this.evaluator.counted);
  }

  run(): Graph {
    const frame = new Frame(this.model.graph, this.builder);
    try {
      for (const input of this.model.graph.input) frame.define(input.name, this.input(input));
      this.evaluator.defineParameters(frame);
      this.setOutputs(this.completed(this.evaluator.calls.result(frame)));
    } catch (error) {
      this.report(error);
    }
    this.checkPins();
    this.problems.throwIfErrors();
    return this.graph;
  }

  private report(error: unknown): void {
    if (error instanceof CompileError) this.problems.take(error);
    else if (error instanceof OpError) this.problems.error(error.code, this.builder.location, error.message, error.more);
    else throw error;
  }

  /** A graph that gives a function stands for that function: its arguments are inputs too. */
  private completed(result: Item, depth = 0): Item {
    if (!isKind(result, "closure") || depth > 4) return result;
    const items = result.graph.input.slice(result.bound.length).map((input) => this.input(input));
    return this.completed(this.evaluator.calls.call(result, items, this.builder), depth + 1);
  }

  private input(info: MindirValueInfo): Item {
    const name = bareName(info.name);
    const given = this.options.inputTypes?.get(name) ?? this.options.inputTypes?.get(info.name);
    const [t] = info.tensor;
    if (given)
      return given.kind === "tensor" ? this.tensorInput(name, info.name, given) : this.refuseInput(name, "only tensors can be inputs");
    if (t) return this.declaredInput(name, info.name, t);
    return info.attrInfo ? this.abstractInput(name, info.name, info.attrInfo, 0) : this.untypedInput(name, info.name);
  }

  private declaredInput(name: string, fullName: string, t: MindirTensor): Item {
    const type = declaredType(t, this.openExtent(name));
    return typeof type === "string" ? this.refuseInput(name, type) : this.tensorInput(name, fullName, type);
  }

  /** An input whose type is not a tensor's: a number, a tuple, a monad. */
  private abstractInput(name: string, fullName: string, a: MindirAttribute, depth: number): Item {
    const [t] = a.tensors;
    if (a.type === Kind.umonad || a.type === Kind.iomonad) return monad;
    if (a.type === Kind.none || a.type === Kind.typeNull) return none;
    if (a.type === Kind.scalar && t) return this.declaredInput(name, fullName, { ...t, dims: [] });
    if (a.type === Kind.tensors && t) return this.declaredInput(name, fullName, t);
    if ((a.type === Kind.tuple || a.type === Kind.list) && depth < 8) {
      return tupleOf(a.values.map((v, i) => this.abstractInput(`${name}_${i}`, `${fullName}_${i}`, v, depth + 1)));
    }
    return this.refuseInput(name, `its kind (attribute type ${a.type}) is not carried`);
  }

  private refuseInput(name: string, reason: string): Item {
    this.problems.error("unsupported-type", { source: this.source }, `the input '${name}' cannot be carried: ${reason}`);
    return unknown;
  }

  /** Files of graphs that were never compiled declare no types. */
  private untypedInput(name: string, fullName: string): Item {
    if (name === "self") return { kind: "python", text: "the network object 'self'" };
    if (/monad/.test(name)) return monad;
    const type = tensor(/^ф?ind(ices|ex)$/.test(name) ? "i64" : "f32", [this.pinned("n")]);
    this.problems.warn(
      "ignored",
      { source: this.source },
      `the file declares no type for the input '${name}'; taken for ${formatType(type)}`,
    );
    return this.tensorInput(name, fullName, type);
  }

  private tensorInput(name: string, fullName: string, type: TensorType): Value {
    const fixed = this.options.inputValues?.get(name) ?? this.options.inputValues?.get(fullName);
    if (fixed) return this.fixedInput(name, type, fixed);
    const shown = this.graph.inputs.some((v) => v.name === name) ? fullName : name;
    return this.graph.addInput(shown, type);
  }

  private fixedInput(name: string, type: TensorType, data: Constant): Value {
    const fits =
      data.type.dtype === type.dtype &&
      data.type.shape.length === type.shape.length &&
      type.shape.every((d, i) => typeof d !== "number" || d === data.type.shape[i]);
    if (!fits) this.problems.error("usage", { source: this.source }, `the value given for the input '${name}' has another type`);
    const value = this.builder.create(ConstantOp, {}, { data });
    value.name = name;
    return value;
  }

  private openExtent(input: string): OpenExtent {
    return (axis) => this.pinned(this.evaluator.freshExtent(`${input}_${axis}`));
  }

  private readonly openNames = new Set<string>();

  private pinned(name: string): Dim {
    this.openNames.add(name);
    return this.options.dims?.get(name) ?? extent(name);
  }

  /** Pins of what the model does not have are mistakes. */
  private checkPins(): void {
    for (const name of this.options.dims?.keys() ?? []) {
      if (this.openNames.has(name)) continue;
      const known = [...this.openNames].join(", ");
      const remedy = known === "" ? "all extents of its inputs are numbers" : `it has ${known}`;
      this.problems.error("usage", { source: this.source }, `the model has no extent '${name}'`, { remedy });
    }
  }

  private setOutputs(result: Item): void {
    const values: Value[] = [];
    const add = (item: Item): void => {
      if (isKind(item, "tuple")) for (const e of item.elements) add(e);
      else if (!isKind(item, "none") && !isKind(item, "monad") && !isKind(item, "unknown")) values.push(this.output(item, values));
    };
    add(result);
    this.graph.setOutputs(values);
    if (values.length === 0 && this.problems.errors === 0) {
      this.problems.error("invalid-graph", { source: this.source }, "the model gives no tensor");
    }
  }

  private output(item: Item, before: readonly Value[]): Value {
    if (!isValue(item) && !["int", "float", "bool", "constant"].includes(item.kind)) {
      throw new OpError(`the model gives ${describe(item)}, which is no tensor`, "unsupported-type");
    }
    const value = tensorOf(this.evaluator.calls, item, this.builder);
    const isOwn = value.op !== undefined && value.op.definition !== ConstantOp && !before.includes(value);
    return isOwn ? value : local(value, this.builder, true);
  }
}
