/** dce: ops whose results nobody uses go. Those that give a size to an extent stay while a shape anywhere names it. */
import { removeUnused } from "../ir/remove-unused.ts";
import type { Pass } from "./pass.ts";

export const dce: Pass = { name: "dce", summary: "ops without a use removed", run: removeUnused };
