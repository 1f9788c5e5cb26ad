/** The networks by name. */
import { lenet } from "./lenet.ts";
import type { AnyNetwork } from "./network.ts";

export const networks: readonly AnyNetwork[] = [lenet];

export const findNetwork = (name: string): AnyNetwork | undefined => networks.find((n) => n.name === name);
