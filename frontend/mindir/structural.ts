/** Operators that make no op: tuples, state, functions as values. Their inputs are items of any kind. */
import { constantContent } from "../../ir/content.ts";
import type { Builder } from "../../ir/define.ts";
import { OpError } from "../../ir/diagnostic.ts";
import { Gather } from "../../ir/ops/gather.ts";
import { checkBranches } from "../if.ts";
import { stateOf } from "./effects.ts";
import type { Evaluator } from "./evaluate.ts";
import type { Operator } from "./operator.ts";
import { NodeContext } from "./node.ts";
import { likeItem } from "./ops/elementwise.ts";
import { boolOf, describe, floatOf, intOf, isFunction, isKind, isValue, type Item, monad, none, tupleOf, unknown } from "./values.ts";

type Structural = (evaluator: Evaluator, builder: Builder, operator: Operator, items: readonly Item[]) => Item;

const first: Structural = (_e, _f, _o, [item]) => item ?? none;
/** The value, which stands for the effects that come before it too. */
const depend: Structural = (evaluator, _b, _o, [item = none, ...before]) => {
  const state = stateOf(evaluator.effects.after(undefined, before));
  evaluator.effects.attach(item, state);
  return item;
};
/** A parameter as it is at the time of the monad. */
const loadParameter: Structural = (_e, _b, _o, [item = none, time]) => (isValue(item) ? (stateOf(time).get(item) ?? item) : item);
const updateState: Structural = (evaluator, _b, _o, [before, ...items]) => evaluator.effects.after(before, items);

const tuple: Structural = (_e, _f, _o, items) => tupleOf(items);

/** The number that an item is at import time; undefined where data decides. */
export function knownNumber(item: Item | undefined): number | undefined {
  if (isKind(item, "int")) return typeof item.value === "number" ? item.value : undefined;
  if (isKind(item, "float")) return item.value;
  if (isKind(item, "bool")) return item.value ? 1 : 0;
  const content = isValue(item) ? constantContent(item) : undefined;
  return content?.length === 1 ? content[0] : undefined;
}

function elementAt(list: readonly Item[], index: number): Item {
  const element = list[index < 0 ? index + list.length : index];
  if (element === undefined) throw new OpError(`element ${index} of a tuple of ${list.length}`, "bad-operand");
  return element;
}

/** An element of a tuple; of a tensor, the slice along its first axis. */
const getItem: Structural = (evaluator, builder, operator, [container, index]) => {
  if (isKind(container, "unknown")) return unknown;
  if (isKind(container, "dict")) return container.entries.get(isKind(index, "string") ? index.value : "") ?? none;
  if (isKind(container, "tuple") && isKind(index, "slice")) return tupleOf(sliced(container.elements, index.bounds));
  const known = knownNumber(index);
  if (isKind(container, "tuple") && known !== undefined) return elementAt(container.elements, known);
  if (!isValue(container) || index === undefined)
    throw new OpError(`cannot take ${describe(index)} of ${describe(container)}`, "bad-operand");
  // Tensors come out of operators that give one result where the file expects a tuple.
  if (known === 0 && operator.name.endsWith("TupleGetItem")) return container;
  const indices = new NodeContext(operator, [index], evaluator.scope(builder)).input(0);
  return builder.create(Gather, { x: container, indices }, { axis: 0 });
};

function sliced(list: readonly Item[], bounds: readonly [Item, Item, Item]): readonly Item[] {
  const [start, stop, step] = bounds.map((b) => knownNumber(b));
  const by = step ?? 1;
  if (by === 0) throw new OpError("the step of a slice is zero", "bad-operand");
  const ordered = by < 0 ? [...list].reverse() : list;
  const place = (at: number): number => (by < 0 ? list.length - 1 - (at < 0 ? at + list.length : at) : at);
  const part = ordered.slice(start === undefined ? 0 : place(start), stop === undefined ? list.length : place(stop));
  return part.filter((_, k) => k % Math.abs(by) === 0);
}

const setItem: Structural = (_e, _f, _o, [container, index, value]) => {
  const known = knownNumber(index);
  if (!isKind(container, "tuple") || known === undefined || value === undefined)
    throw new OpError(`cannot set an element of ${describe(container)}`, "bad-operand");
  elementAt(container.elements, known);
  return tupleOf(container.elements.with(known, value));
};

const partial: Structural = (_e, _f, _o, [fn, ...bound]) => {
  if (!isFunction(fn)) return isKind(fn, "unknown") ? unknown : refuseCall(fn);
  return { ...fn, bound: [...fn.bound, ...bound] };
};

function refuseCall(fn: Item | undefined): never {
  throw new OpError(`${describe(fn)} cannot be called`, "bad-operand");
}

/** One of two functions or values, by a condition that may depend on data. */
const switchOf: Structural = (evaluator, builder, operator, [condition, whenTrue = none, whenFalse = none]) => {
  const known = knownNumber(condition);
  if (known !== undefined) return known !== 0 ? whenTrue : whenFalse;
  if (isKind(condition, "unknown")) return unknown;
  if (isFunction(whenTrue) && isFunction(whenFalse)) {
    const selector = new NodeContext(operator, [condition ?? none], evaluator.scope(builder)).input(0);
    return { kind: "choice", selector: evaluator.calls.asCondition(selector, builder), options: [whenFalse, whenTrue], bound: [] };
  }
  return evaluator.apply(builder, { ...operator, name: "Select" }, [condition ?? none, whenTrue, whenFalse]);
};

/** One of many functions, by an integer; out of range it counts from the end, as Python's lists. */
const switchLayer: Structural = (_e, _f, _o, [index, functions]) => {
  if (!isKind(functions, "tuple")) throw new OpError("a choice needs a tuple of functions", "bad-operand");
  const known = knownNumber(index);
  if (known !== undefined) return elementAt(functions.elements, known);
  if (!isValue(index) || !functions.elements.every(isFunction)) throw new OpError(`cannot choose by ${describe(index)}`, "bad-operand");
  checkBranches(functions.elements.length);
  return { kind: "choice", selector: index, options: functions.elements, bound: [] };
};

const zip: Structural = (_e, _f, _o, [keys, values]) => {
  if (!isKind(keys, "tuple") || !isKind(values, "tuple")) throw new OpError("a dictionary needs tuples of keys and values", "bad-operand");
  const name = (key: Item): string => (isKind(key, "string") ? key.value : describe(key));
  return { kind: "dict", entries: new Map(keys.elements.map((key, i) => [name(key), values.elements[i] ?? none])) };
};

const length: Structural = (_e, _f, _o, [list]) => {
  if (isKind(list, "tuple")) return intOf(list.elements.length);
  if (isValue(list) && list.type.kind === "tensor" && list.type.shape[0] !== undefined) return intOf(list.type.shape[0]);
  throw new OpError(`${describe(list)} has no length`, "bad-operand");
};

const isSame = (a: Item | undefined, b: Item | undefined): boolean => {
  if (isKind(a, "none") || isKind(b, "none")) return isKind(a, "none") && isKind(b, "none");
  return a === b || (knownNumber(a) !== undefined && knownNumber(a) === knownNumber(b));
};

/** An attribute of a Python object: those of tensors are known, others came from the network's class. */
const getAttribute: Structural = (_e, _b, operator, [object, name]) => {
  const attribute = isKind(name, "string") ? name.value : "";
  if (isValue(object) && attribute === "shape") return tupleOf(object.tensor.shape.map((d) => intOf(d)));
  if (isValue(object) && attribute === "dtype") return { kind: "dtype", dtype: object.tensor.dtype };
  if (isValue(object) && attribute === "ndim") return intOf(object.tensor.shape.length);
  if (attribute === "__bool__" || attribute === "abs")
    return { kind: "operator", operator: { ...operator, name: attribute }, bound: object ? [object] : [] };
  if (isKind(object, "unknown")) return unknown;
  throw new OpError(`the attribute '${attribute}' of ${describe(object)} is not in the file`, "unsupported-attribute");
};

/** Zeros or ones like an item, which may be a monad. */
const like =
  (value: number): Structural =>
  (evaluator, builder, operator, [item]) =>
    isKind(item, "monad") ? monad : likeItem(new NodeContext(operator, item ? [item] : [], evaluator.scope(builder)), item, value);

/** A name of Python's; what it stands for is not in the file. */
const resolve: Structural = (_e, _b, _o, [space, name]) => ({
  kind: "python",
  text: `the Python object '${[space, name].map((p) => (isKind(p, "python") ? p.text : "")).join(".")}'`,
});

/** A call with tuples of arguments and dictionaries of named ones, the constructor's where a class is called. */
const unpackCall: Structural = (evaluator, builder, operator, [fn = none, ...packed]) => {
  const items = packed.flatMap((p) => (isKind(p, "tuple") ? p.elements : isKind(p, "dict") ? [] : [p]));
  const named = new Map(packed.flatMap((p) => (isKind(p, "dict") ? [...p.entries] : [])));
  if (!isKind(fn, "python")) return evaluator.calls.call(fn, items, builder);
  if ([...named.values(), ...items].some((item) => isKind(item, "unknown"))) return unknown;
  const name = fn.text.slice(fn.text.lastIndexOf(".") + 1);
  return { kind: "operator", operator: { ...operator, name, attributes: named }, bound: [] };
};

const table: Readonly<Record<string, Structural>> = {
  MakeTuple: tuple,
  make_tuple: tuple,
  MakeList: tuple,
  make_list: tuple,
  RealMakeTuple: tuple,
  TupleGetItem: getItem,
  tuple_getitem: getItem,
  RealTupleGetItem: getItem,
  ListGetItem: getItem,
  list_getitem: getItem,
  getitem: getItem,
  dict_getitem: getItem,
  TupleSetItem: setItem,
  tuple_setitem: setItem,
  list_setitem: setItem,
  Depend: depend,
  depend,
  Load: loadParameter,
  load: loadParameter,
  Return: first,
  return: first,
  identity: first,
  stop_gradient: first,
  StopGradient: first,
  mutable: first,
  InsertGradientOf: first,
  HookBackward: first,
  CheckNumerics: first,
  MoveTo: first,
  _VirtualDiv: first,
  _VirtualOutput: first,
  _VirtualDataset: first,
  _MirrorOperator: first,
  UpdateState: updateState,
  ControlDepend: () => monad,
  Print: () => monad,
  Assert: () => monad,
  TensorSummary: () => monad,
  ScalarSummary: () => monad,
  ImageSummary: () => monad,
  HistogramSummary: () => monad,
  Partial: partial,
  partial,
  Switch: switchOf,
  switch: switchOf,
  SwitchLayer: switchLayer,
  switch_layer: switchLayer,
  make_slice: (_e, _f, _o, [start = none, stop = none, step = none]) => ({ kind: "slice", bounds: [start, stop, step] }),
  MakeSlice: (_e, _f, _o, [start = none, stop = none, step = none]) => ({ kind: "slice", bounds: [start, stop, step] }),
  make_dict: zip,
  MakeDict: zip,
  sequence_len: length,
  tuple_len: length,
  list_len: length,
  TupleToTensor: (evaluator, builder, operator, [list = none]) => new NodeContext(operator, [list], evaluator.scope(builder)).input(0),
  is_: (_e, _f, _o, [a, b]) => boolOf(isSame(a, b)),
  is_not: (_e, _f, _o, [a, b]) => boolOf(!isSame(a, b)),
  getattr: getAttribute,
  resolve,
  unpack_call: unpackCall,
  "hyper_map[zeros_like_leaf]": like(0),
  zeros_like: like(0),
  "hyper_map[ones_like_leaf]": like(1),
  ones_like: like(1),
  call: (evaluator, builder, _o, [fn = none, ...args]) => evaluator.calls.call(fn, args, builder),
  DType: (_e, _f, _o, [x]) => (isValue(x) ? { kind: "dtype", dtype: x.tensor.dtype } : (x ?? none)),
  EnvironCreate: () => none,
  float: (_e, _f, _o, [x]) => floatOf(knownNumber(x) ?? NaN),
};

/** By the names of the operators. */
export const structural: ReadonlyMap<string, Structural> = new Map(Object.entries(table));
