/** What rows of several families need. */
import type { FloatLiteral } from "../literals.ts";

export const float = (value: number): FloatLiteral => ({ float: value });
