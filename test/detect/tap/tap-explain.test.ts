// The steps of the evidence about one source, for `portreeve replay --explain`: its own, and nobody else's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TapDetector } from "../../../src/detect/tap/tap-detector.ts";
import type { Step } from "../../../src/detect/tap/tap-rules.ts";
import { scorerNames } from "../../../src/detect/tap/tap-source.ts";
import { tapPolicy } from "../../../src/policy/tap-policy.ts";
import { formatPrefix } from "../../../src/wire/address.ts";
import { decodeFrame } from "../../../src/wire/link.ts";
import { Packet, TcpFlag } from "../../../src/wire/packet.ts";
import { load, settingsOf } from "../../config/support.ts";
import { buildTcp } from "../../support/build-packet.ts";
import { prefix } from "../../support/prefix.ts";
import { ranges, seed } from "../probes.ts";

const RAW = 101;
const HOME = "192.0.2.1";

test("each step about the source that is asked for, and none about another", () => {
  for (const [asked, explained] of [
    ["203.0.113.7", ["203.0.113.7"]],
    ["203.0.113.99", []],
  ] as const) {
    const steps: { readonly what: Step["what"]; readonly source: string }[] = [];
    const policy = tapPolicy(settingsOf(load('POLICY="score"\n')), ranges("192.0.2.0/24"), new Set(scorerNames));
    const step = ({ what, source }: Step) => steps.push({ what, source: formatPrefix(source.source) });
    const detector = new TapDetector(policy, seed, { explain: { source: prefix(asked), step } });
    const packet = new Packet();
    let timeMs = 1_700_000_000_000;
    const give = (bytes: Uint8Array) => {
      const result = decodeFrame(RAW, bytes, 0, bytes.length, packet);
      detector.see(packet, result, bytes, timeMs++);
    };
    for (const source of ["203.0.113.7", "203.0.113.6", "198.51.100.7"])
      for (let port = 1; port <= 12; port++) {
        const ends = { source, destination: HOME, sourcePort: 40_000, destinationPort: port };
        give(buildTcp({ ...ends, flags: TcpFlag.Syn }));
        const back = { source: HOME, destination: source, sourcePort: port, destinationPort: 40_000 };
        give(buildTcp({ ...back, flags: TcpFlag.Rst | TcpFlag.Ack }));
      }
    assert.deepEqual([...new Set(steps.map(({ source }) => source))], explained);
    for (const source of explained) {
      const ofIt = steps.filter((one) => one.source === source).map(({ what }) => what);
      assert.equal(ofIt.filter((what) => what === "opened").length, 12, source);
      assert.equal(ofIt.filter((what) => what === "decided").length, 12, source);
      assert.ok(ofIt.includes("found"), source);
    }
  }
});
