/** Where tests keep what is too large for the repository, or not the repository's: outside the tree. */
import { homedir } from "node:os";
import { join } from "node:path";

/** `SINTER_CACHE`, or `~/.cache/sinter`: test data and the witnesses' Python; it need not exist yet. */
export const cacheFolder = (): string => process.env["SINTER_CACHE"] ?? join(homedir(), ".cache", "sinter");
