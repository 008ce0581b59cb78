// Ten thousand changed copies of Debian's configuration and of 2.x's for the real PortSentry 1.2 and for ours (see ../old-configurations.test.ts).
import { test } from "node:test";
import { compareChanged } from "../support/compare-changed.ts";

const COUNT = 10_000;
const SEED = 0x5e77_1e5;

test("PortSentry 1.2 and ours read ten thousand changed copies of Debian's file and of 2.x's alike", (t) =>
  compareChanged(t, COUNT, SEED));
