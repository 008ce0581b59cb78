// The cross product that differential.test.ts leaves out: every mode with every BLOCK_*, SCAN_TRIGGER, set of responses
// and order of KILL_RUN_CMD.
import { crossProduct } from "../support/cases.ts";
import { compareAll } from "../support/compare.ts";
import { Differences } from "../support/difference-checks.ts";
import { differences } from "../support/differences.ts";

compareAll("PortSentry 1.2 and ours, everything with everything", crossProduct(), new Differences(differences));
