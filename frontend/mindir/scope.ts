/** What lowerings see of the importer. */
import type { Builder } from "../../ir/define.ts";
import type { DiagnosticCode } from "../../ir/diagnostic.ts";
import type { TensorType } from "../../ir/type.ts";
import type { Operator } from "./operator.ts";
import type { Item } from "./values.ts";

/** What a node needs of the importer around it. */
export interface NodeScope {
  readonly builder: Builder;
  /** A name for an extent that the node produces, unlike any other in the model. */
  freshExtent(hint: string): string;
  warn(code: DiagnosticCode, message: string): void;
  /** The value of a tensor constant. */
  materialize(item: Item): Item;
  /** The type that the file declares for result `i`, where it declares one. */
  declared(i: number): TensorType | undefined;
  /** Lowers another operator on the same arguments or others. */
  apply(operator: Operator, items: readonly Item[]): Item;
}
