/** What all parts of one export share: the version, constants, functions, where the op that is written came from. */
import type { Constant } from "../../../ir/attribute.ts";
import { readData } from "../../../ir/data.ts";
import { type Location, unknownLocation } from "../../../ir/location.ts";
import { type DType, formatType } from "../../../ir/type.ts";
import { dtypeCode } from "../tensor-data.ts";
import type { Body } from "./body.ts";
import { elementTypes, versionWith } from "./operators.ts";
import { type Name, NeedsOpsetError } from "./term.ts";

/** Constants of at most so many bytes are written once, however often they are needed. */
const mostShared = 256;

/** A constant of the graph; it stands in the model under its name. */
export interface Initializer {
  readonly name: Name;
  readonly value: Constant;
}

/** A model-local function. */
export interface ExportedFunction {
  readonly name: string;
  readonly body: Body;
}

export class ExportSession {
  location: Location = unknownLocation;
  readonly initializers: Initializer[] = [];
  readonly functions: ExportedFunction[] = [];
  private readonly small = new Map<string, Name>();
  private readonly byText = new Map<string, ExportedFunction>();
  private readonly functionNames = new Set<string>();

  constructor(readonly opset: number) {}

  /** ONNX's number of the element type. */
  code(dtype: DType): number {
    return dtypeCode(dtype);
  }

  /** Throws where the version that is written has no such element type. */
  expectDType(dtype: DType): void {
    if (dtype === "string" || elementTypes("Cast", this.opset)!.has(dtype)) return;
    throw new NeedsOpsetError(versionWith("Cast", dtype)!, `the element type ${dtype}`);
  }

  /** The name of a constant that has none of its own. */
  shared(value: Constant, hint: string): Name {
    const isSmall = value.data.byteLength <= mostShared;
    const key = isSmall ? `${formatType(value.type)} ${Buffer.from(readData(value.data)).toString("latin1")}` : "";
    const known = isSmall ? this.small.get(key) : undefined;
    if (known) return known;
    const name = this.add(value, { text: undefined, hint });
    if (isSmall) this.small.set(key, name);
    return name;
  }

  /** A constant under a name of its own. */
  add(value: Constant, name: Name): Name {
    this.expectDType(value.type.dtype);
    this.initializers.push({ name, value });
    return name;
  }

  /** The function of this text, made where it is new: `name`, or `name_2`, ... where that stands for another one. */
  functionOf(name: string, text: string, body: Body): ExportedFunction {
    const key = `${name}\n${text}`;
    const known = this.byText.get(key);
    if (known) return known;
    let free = name;
    for (let k = 2; this.functionNames.has(free); k++) free = `${name}_${k}`;
    this.functionNames.add(free);
    const made = { name: free, body };
    this.byText.set(key, made);
    this.functions.push(made);
    return made;
  }
}
