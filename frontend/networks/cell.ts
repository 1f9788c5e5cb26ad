/**
 * Networks are trees of cells, as in MindSpore: a cell has a name, parameters and cells within. A parameter's full name is
 * the path to it (`layer1.0.conv1.weight`), by which checkpoints know it.
 */
import type { TensorData } from "../../ir/data.ts";
import { Builder, OpCreator } from "../../ir/define.ts";
import { Graph, type Value } from "../../ir/graph.ts";
import { ConstantOp } from "../../ir/ops/constant.ts";
import { type DType, formatType, tensor, type TensorType } from "../../ir/type.ts";
import type { Init } from "../random-weights.ts";

export interface Parameter {
  readonly name: string;
  readonly type: TensorType;
  readonly init: Init;
}

/** Where the elements of a parameter come from. */
export type ParameterSource = (parameter: Parameter) => TensorData;

/** What all cells of one network share. */
interface Network {
  readonly builder: Builder;
  readonly values: Map<string, Value>;
  readonly parameters: Parameter[];
  readonly source: ParameterSource;
}

export class Cell extends OpCreator {
  private constructor(
    private readonly network: Network,
    /** The cell's place: "" of the outermost. */
    readonly path: string,
    /** Of the parameters, where none is said. */
    private readonly dtype: DType = "f32",
  ) {
    super();
  }

  /** The outermost cell of a new network. */
  static root(name: string, source: ParameterSource): Cell {
    return new Cell({ builder: new Builder(new Graph(name), { source: name }), values: new Map(), parameters: [], source }, "");
  }

  /** The cell of that name in this one. */
  at(name: string | number): Cell {
    return new Cell(this.network, this.pathOf(String(name)), this.dtype);
  }

  /** The same cell, whose parameters and those of cells within are of that type. */
  of(dtype: DType): Cell {
    return new Cell(this.network, this.path, dtype);
  }

  get graph(): Graph {
    return this.network.builder.graph;
  }

  /** Those declared so far in the whole network, in order. */
  get parameters(): readonly Parameter[] {
    return this.network.parameters;
  }

  input(name: string, dtype: DType, shape: readonly number[]): Value {
    return this.graph.addInput(name, tensor(dtype, shape));
  }

  /** The cell's parameter of that name; asked for again, the same value. */
  parameter(name: string, shape: readonly number[], init: Init = "weight", dtype: DType = this.dtype): Value {
    const path = this.pathOf(name);
    const type = tensor(dtype, shape);
    const known = this.network.values.get(path);
    if (known) {
      if (formatType(known.type) !== formatType(type)) throw new Error(`the parameter '${path}' has two types`);
      return known;
    }
    const parameter: Parameter = { name: path, type, init };
    const value = this.create(ConstantOp, {}, { data: { type, data: this.network.source(parameter) } });
    value.name = path;
    this.network.parameters.push(parameter);
    this.network.values.set(path, value);
    return value;
  }

  /** For helpers that make ops with a builder. */
  get builder(): Builder {
    return this.network.builder;
  }

  private pathOf(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }
}
