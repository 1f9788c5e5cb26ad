/** A node in the terms of the newer schema: what an older one had as attributes stands as constant inputs here. */
import type { FlatMessage } from "../flatbuffers-reader.ts";
import type { LiteNode } from "./messages.ts";
import type { Flow } from "./switch-merge.ts";

/** The index of a tensor; or integers, or one real number, that stand in for a constant one. */
export type OperationInput = number | readonly number[] | { readonly real: number };

export interface Operation {
  /** The primitive's name; a number where it is not known. */
  readonly type: string | number;
  readonly fields: FlatMessage;
  readonly inputs: readonly OperationInput[];
  readonly outputs: readonly number[];
  readonly name: string;
  /** Of a Merge: the control flow that it ends. */
  readonly flow?: Flow;
}

export const operationOf = (node: LiteNode): Operation => ({
  type: node.primitive?.value?.type ?? "NONE",
  fields: node.primitive?.value?.fields ?? {},
  inputs: node.inputIndex,
  outputs: node.outputIndex,
  name: node.name,
});
