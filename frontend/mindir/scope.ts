/** What lowerings see of the importer. */
import type { TensorType } from "../../ir/type.ts";
import type { ImportScope } from "../node-ops.ts";
import type { Operator } from "./operator.ts";
import type { Item } from "./values.ts";

/** What a node needs of the importer around it. */
export interface NodeScope extends ImportScope {
  /** The value of a tensor constant. */
  materialize(item: Item): Item;
  /** The type that the file declares for result `i`, where it declares one. */
  declared(i: number): TensorType | undefined;
  /** Lowers another operator on the same arguments or others. */
  apply(operator: Operator, items: readonly Item[]): Item;
}
