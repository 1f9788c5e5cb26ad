/**
 * Orders of axes. MindSpore Lite keeps images as [n, height, width, channels] and weights as [out, height, width, in];
 * our ops have channels second. Both ways, a value that images pass through is known in one order, and is brought into
 * the other only where something needs it, so that a network of convolutions has no transposes inside.
 */

/** `last`: as the file has it; `second`: with the channels on axis 1, for tensors of rank 4. */
export type Layout = "last" | "second";

/** To channels second: axis `k` of the result is axis `perm[k]`. */
export const toSecond = [0, 3, 1, 2] as const;
/** To channels last. */
export const toLast = [0, 2, 3, 1] as const;

/** The axis of a rank-4 tensor in the other layout: where channels-last has it, given where channels-second does. */
export const axisLast = (axis: number): number => toLast.indexOf(axis as 0 | 1 | 2 | 3);
export const axisSecond = (axis: number): number => toSecond.indexOf(axis as 0 | 1 | 2 | 3);

/** A shape, or any list with an entry per axis, in another order. */
export const permuted = <T>(list: readonly T[], perm: readonly number[]): T[] => perm.map((p) => list[p]!);

export const samePerm = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((p, i) => p === b[i]);
