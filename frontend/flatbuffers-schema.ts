/**
 * FlatBuffers schemas, read at run time: the tables, enumerations and the union of one `.fbs` file of the folder `proto`.
 *
 * Field `k` of a table has id `k`; a union field takes two ids, the first for the number of its member. Only what our
 * schemas use is understood: scalars, strings, enumerations, tables, one union, and vectors of these.
 */
import { readFileSync } from "node:fs";

export type Scalar = "bool" | "byte" | "ubyte" | "int" | "uint" | "long" | "float" | "double";

export const scalarSizes: Readonly<Record<Scalar, number>> = { bool: 1, byte: 1, ubyte: 1, int: 4, uint: 4, long: 8, float: 4, double: 8 };

/** Names by number. */
export interface EnumType {
  readonly name: string;
  readonly base: Scalar;
  readonly names: ReadonlyMap<number, string>;
  readonly numbers: ReadonlyMap<string, number>;
}

export type FieldType =
  | { readonly kind: "scalar"; readonly scalar: Scalar; readonly enumeration: EnumType | undefined }
  | { readonly kind: "string" }
  | { readonly kind: "table"; readonly table: string }
  | { readonly kind: "union"; readonly union: string }
  | { readonly kind: "vector"; readonly element: FieldType };

export interface Field {
  readonly name: string;
  /** Of a union field: that of its value; its member's number has the id before. */
  readonly id: number;
  readonly type: FieldType;
  /** Of a scalar; what stands for it where the field is absent. */
  readonly fallback: number;
}

export interface Table {
  readonly name: string;
  readonly fields: readonly Field[];
  /** Ids that the fields take. */
  readonly ids: number;
}

const declaration = /\b(enum|union|table)\s+(\w+)\s*(?::\s*(\w+)\s*)?\{([^}]*)\}/g;

export class FlatSchema {
  readonly tables = new Map<string, Table>();
  private readonly enums = new Map<string, EnumType>();
  readonly root: string;
  readonly identifier: string;

  constructor(text: string) {
    const code = text.replace(/\/\/[^\n]*/g, "");
    const found = [...code.matchAll(declaration)].map(([, kind, name, base, body]) => ({ kind, name: name!, base, body: body! }));
    for (const d of found) if (d.kind !== "table") this.enums.set(d.name, enumOf(d.name, (d.base ?? "ubyte") as Scalar, d.body));
    const unions = new Set(found.filter((d) => d.kind === "union").map((d) => d.name));
    for (const d of found) if (d.kind === "table") this.tables.set(d.name, this.tableOf(d.name, d.body, unions));
    this.root = /root_type\s+(\w+)/.exec(code)?.[1] ?? "";
    this.identifier = /file_identifier\s+"(\w+)"/.exec(code)?.[1] ?? "";
  }

  /** The schema in the file `proto/NAME`. */
  static load(name: string): FlatSchema {
    return new FlatSchema(readFileSync(new URL(`../proto/${name}`, import.meta.url), "utf8"));
  }

  table(name: string): Table {
    const table = this.tables.get(name);
    if (!table) throw new Error(`the schema has no table '${name}'`);
    return table;
  }

  /** The members of a union, or the names of an enumeration. */
  enumeration(name: string): EnumType {
    return this.enums.get(name)!;
  }

  private tableOf(name: string, body: string, unions: ReadonlySet<string>): Table {
    let ids = 0;
    const fields = [...body.matchAll(/(\w+)\s*:\s*(\[?)(\w+)\]?\s*(?:=\s*([^;\s]+))?\s*;/g)].map(([, field, list, type, given]): Field => {
      const element = this.typeOf(type!, unions);
      if (element.kind === "union") ids++;
      return { name: field!, id: ids++, type: list ? { kind: "vector", element } : element, fallback: fallbackOf(element, given) };
    });
    return { name, fields, ids };
  }

  private typeOf(name: string, unions: ReadonlySet<string>): FieldType {
    if (name === "string") return { kind: "string" };
    if (name in scalarSizes) return { kind: "scalar", scalar: name as Scalar, enumeration: undefined };
    if (unions.has(name)) return { kind: "union", union: name };
    const enumeration = this.enums.get(name);
    return enumeration ? { kind: "scalar", scalar: enumeration.base, enumeration } : { kind: "table", table: name };
  }
}

function enumOf(name: string, base: Scalar, body: string): EnumType {
  const entries = [...body.matchAll(/(\w+)\s*=\s*(-?\d+)/g)].map(([, label, number]) => [label!, Number(number)] as const);
  return { name, base, numbers: new Map(entries), names: new Map(entries.map(([label, number]) => [number, label])) };
}

function fallbackOf(type: FieldType, given: string | undefined): number {
  if (given === undefined || type.kind !== "scalar") return 0;
  if (given === "true" || given === "false") return given === "true" ? 1 : 0;
  return type.enumeration?.numbers.get(given) ?? Number(given);
}
