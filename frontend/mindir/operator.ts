/** Operators: names of primitives, with the attributes that belong to them. */
import type { MindirAttribute, MindirModel, MindirNode } from "./messages.ts";
import { attributeItem } from "./attributes.ts";
import type { Item } from "./values.ts";

export interface Operator {
  /** The name as the file has it. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, Item>;
  /** Of operators made by a call of their class: the arguments of the constructor. */
  readonly constructorArguments?: readonly Item[];
}

const attributesOf = (list: readonly MindirAttribute[]): Map<string, Item> =>
  new Map(list.flatMap((a) => (a.name === "" ? [] : [[a.name, attributeItem(a)] as const])));

/** Whether an attribute of a node tells the type of its result; operators have attributes of that name too. */
const isResultType = (a: MindirAttribute): boolean => a.name === "shape" && !a.refAttrName.startsWith("scalar:");

/** The operators of a model by the names in its table of primitives. */
export class OperatorTable {
  private readonly known = new Map<string, Operator>();

  constructor(model: MindirModel) {
    for (const p of model.primitives) this.known.set(p.name, { name: p.opType || p.name, attributes: attributesOf(p.attribute) });
  }

  find(name: string): Operator | undefined {
    return this.known.get(name);
  }
}

/** The operator of a node whose op type is its name: attributes are the node's own. */
export const inlineOperator = (node: MindirNode): Operator => ({
  name: node.opType,
  attributes: attributesOf(node.attribute.filter((a) => !isResultType(a))),
});

/** The bare operator of a name, without attributes. */
export const plainOperator = (name: string): Operator => ({ name, attributes: new Map() });

/** A name without the mark of the wrapper that promotes element types. */
export const plainName = (name: string): string => name.replace(/^S-Prim-/, "");
