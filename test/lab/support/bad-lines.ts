// Configuration lines that are wrong, one of each kind, and what has to be said of them.
import { writeFileSync } from "node:fs";

export interface BadLine {
  readonly what: string;
  readonly line: string | Uint8Array;
  readonly complaint: RegExp;
  /** "error" when absent. */
  readonly severity?: "warning";
}

export const badLines: readonly BadLine[] = [
  { what: "no =", line: "BLOCK_TCP", complaint: /has no "="/ },
  { what: "no key", line: '="1"', complaint: /no key before "="/ },
  { what: "a key that is none", line: 'BLOCK-UDP="1"', complaint: /is no key/ },
  { what: "no quotes", line: "RESOLVE_HOST=1", complaint: /RESOLVE_HOST: quotes missing from 1/ },
  { what: "no closing quote", line: 'HISTORY_FILE="/tmp/x', complaint: /HISTORY_FILE: no closing quote/ },
  { what: "text after the value", line: 'POLICY="score" or so', complaint: /POLICY: text after the closing quote/ },
  { what: "a blank for =", line: 'SCORE_PORTS "3"', complaint: /SCORE_PORTS: no "=" before the value/ },
  {
    what: "a control character",
    line: 'KILL_ROUTE="/bin/true $TARGET$\u0007"',
    complaint: /KILL_ROUTE: a control character/,
  },
  { what: "a NUL byte", line: 'KILL_RUN_CMD="a\0b"', complaint: /NUL byte/ },
  { what: "no UTF-8", line: Buffer.from('PORT_BANNER="Zutritt f\xfcr"', "latin1"), complaint: /no UTF-8/ },
  { what: "a line without end", line: `KILL_HOSTS_DENY="${"x".repeat(5_000)}"`, complaint: /more than 4096/ },
  { what: "an unknown key", line: 'BLOKC_TCP="1"', complaint: /BLOKC_TCP is no known key; did you mean BLOCK_TCP\?/ },
  { what: "no port", line: 'TCP_PORTS="22,70000"', complaint: /70000 is no port/ },
  { what: "a range that runs backwards", line: 'UDP_PORTS="9-7"', complaint: /runs backwards; write 7-9/ },
  { what: "an empty item", line: 'ADVANCED_EXCLUDE_TCP="113,,139"', complaint: /between two commas/ },
  { what: "no number", line: 'SCAN_TRIGGER="many"', complaint: /write a whole number/ },
  { what: "a number that is too large", line: 'ADVANCED_PORTS_TCP="70000"', complaint: /2 to 65536/ },
  { what: "no time", line: 'BLOCK_TIME="soon"', complaint: /this is no time/ },
  { what: "a word that is none of them", line: 'PROOF="maybe"', complaint: /PROOF="maybe": / },
  { what: "a path that is none", line: 'STATE_DIR="here"', complaint: /STATE_DIR="here": write a path/ },
  {
    what: "the same key again",
    line: 'PROOF="off"',
    complaint: /PROOF stands already in line 19/,
    severity: "warning",
  },
];

/** All of them in one file, line 1 first. */
export function writeBadFile(file: string): void {
  const newline = Buffer.from("\n");
  writeFileSync(file, Buffer.concat(badLines.flatMap(({ line }) => [Buffer.from(line), newline])));
}
