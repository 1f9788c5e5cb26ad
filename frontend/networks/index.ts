/** The networks by name. */
import { lenet } from "./lenet.ts";
import { alexnet } from "./alexnet.ts";
import { vgg16 } from "./vgg.ts";
import type { AnyNetwork } from "./network.ts";

export const networks: readonly AnyNetwork[] = [lenet, alexnet, vgg16];

export const findNetwork = (name: string): AnyNetwork | undefined => networks.find((n) => n.name === name);
