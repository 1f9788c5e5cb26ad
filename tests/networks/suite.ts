/** The suites that hold networks to recordings. */
import { findNetwork } from "../../frontend/networks/index.ts";
import type { AnyNetwork } from "../../frontend/networks/network.ts";
import { withRecordings } from "../shared-models.ts";
import { expectDigest } from "./digest.ts";
import { expectRecorded } from "./equal.ts";
import { RecordedNetwork } from "./recorded.ts";

/** A recording, the network that it is of, and the options that it was made with. */
export type Recording = readonly [recording: string, network: string, options: Readonly<Record<string, string | number>>];

function networkNamed(name: string): AnyNetwork {
  const found = findNetwork(name);
  if (!found) throw new Error(`there is no network '${name}'`);
  return found;
}

/** A test per recording by its digest; and, where the recordings are there, one by the recording itself. */
export function describeNetworks(group: string, recordings: readonly Recording[]): void {
  describe(`networks: ${group}`, function () {
    this.timeout(120_000);
    for (const [recording, network, options] of recordings) {
      it(`${network} has the parameters, ops and results of ${recording}`, () => {
        expectDigest(networkNamed(network), options, recording);
      });
    }
  });
  withRecordings(`networks against MindSpore's recordings: ${group}`, (folder) => {
    describe(`networks: ${group}, op by op`, function () {
      this.timeout(120_000);
      for (const [recording, network, options] of recordings) {
        it(`${network} is the recorded ${recording}`, () => {
          expectRecorded(networkNamed(network), options, new RecordedNetwork(folder, recording));
        });
      }
    });
  });
}
