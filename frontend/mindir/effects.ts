/**
 * Operators that change a parameter. The file orders them by monads: each takes the monad that the one before it made,
 * and what reads the parameter takes the monad of the reading's time. Here a monad holds the values that parameters
 * have then, so that the graph stays pure. What a run leaves behind in a parameter is lost.
 */
import type { Value } from "../../ir/graph.ts";
import type { MindirModel } from "./messages.ts";
import { plainName } from "./operator.ts";
import { isKind, isValue, type Item, type MonadItem, monad } from "./values.ts";

/** New values of parameters by the values they have at the start. */
export type State = ReadonlyMap<Value, Value>;

const changing = /^(Assign(Add|Sub)?|Scatter(Nd)?(Update|Add|Sub|Mul|Div|Max|Min)|IndexAdd|ScatterNonAliasingAdd)$/;

/** Whether the operator's result is the new value of its first input. */
export const changesParameter = (name: string): boolean => changing.test(name);

/** Whether any operator of the model changes a parameter. */
export const hasEffects = ({ graph, functions, primitives }: MindirModel): boolean =>
  primitives.some((p) => changesParameter(plainName(p.opType))) ||
  [graph, ...functions].some((g) => g.node.some((n) => changesParameter(plainName(n.opType))));

const noState: State = new Map();

/** The state at a monad. */
export const stateOf = (item: Item | undefined): State => (isKind(item, "monad") ? (item.state ?? noState) : noState);

export class Effects {
  private readonly known = new WeakMap<object, State>();

  /** From now on `result` stands for the changes too. */
  attach(result: Item, state: State): void {
    if (state.size > 0) this.known.set(result, new Map([...(this.known.get(result) ?? noState), ...state]));
  }

  /** The changes that items stand for, tuples included. */
  private of(item: Item): State {
    const own = this.known.get(item) ?? noState;
    if (isValue(item) || item.kind !== "tuple") return own;
    return new Map([...item.elements.flatMap((e) => [...this.of(e)]), ...own]);
  }

  /** The monad after `items`. */
  after(before: Item | undefined, items: readonly Item[]): MonadItem {
    const state = new Map([...stateOf(before), ...items.flatMap((item) => [...this.of(item), ...stateOf(item)])]);
    return state.size === 0 ? monad : { ...monad, state };
  }
}
