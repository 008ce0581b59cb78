// Scans that many sources made together, and IPv6 prefixes of which several parts scanned: two bounded lists for the report.
import { type Prefix, prefixContains } from "../../wire/address.ts";
import type { CoordinatedFinding } from "./coordinated.ts";

const MAX_COORDINATED = 256;
const MAX_WIDER = 256;

export class GroupFindings {
  readonly #coordinated: CoordinatedFinding[] = [];
  readonly #widerPrefixes: Prefix[] = [];
  /** Findings that the full lists did not take. Their sources are found all the same. */
  readonly counters = { tapCoordinatedLeftOut: 0, tapWiderLeftOut: 0 };

  addCoordinated(finding: CoordinatedFinding): void {
    if (this.#coordinated.length >= MAX_COORDINATED) this.counters.tapCoordinatedLeftOut++;
    else this.#coordinated.push(finding);
  }

  addWider(prefix: Prefix): void {
    if (this.#widerPrefixes.length >= MAX_WIDER) this.counters.tapWiderLeftOut++;
    else this.#widerPrefixes.push(prefix);
  }

  /** The latest coordinated scan in which the source took part. */
  coordinatedOf(source: Prefix): CoordinatedFinding | undefined {
    const isIn = (finding: CoordinatedFinding) =>
      finding.members.some((member) => member.bits === source.bits && prefixContains(member, source));
    return this.#coordinated.findLast(isIn);
  }

  get coordinated(): readonly CoordinatedFinding[] {
    return this.#coordinated;
  }

  get widerPrefixes(): readonly Prefix[] {
    return this.#widerPrefixes;
  }
}
