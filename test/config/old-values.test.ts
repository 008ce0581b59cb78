// PortSentry 1.2's reading of values: what atoi and strtok make of any text, and what is said of it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  atoi,
  hasItem,
  oldAdvancedPorts,
  oldFile,
  oldFlag,
  oldPath,
  oldPortList,
  oldReaction,
  oldTrigger,
} from "../../src/config/old-values.ts";
import { formatPorts } from "../../src/config/ports.ts";
import { formatProblem } from "../../src/config/problems.ts";
import { load, problemsAt, settingsOf } from "./support.ts";

test("atoi: blanks, a sign, digits, and nothing that follows", () => {
  const read: Readonly<Record<string, number>> = {
    "": 0,
    "1": 1,
    " 1": 1,
    "1 ": 1,
    "01": 1,
    "+1": 1,
    "-1": -1,
    "- 1": 0,
    "+-1": 0,
    "1x": 1,
    "1,2": 1,
    "0x1": 0,
    yes: 0,
    "1.9": 1,
    "2147483648": -2_147_483_648,
    "4294967297": 1,
    "9223372036854775808": -1,
    "-9223372036854775809": 0,
    "\u0661": 0,
  };
  for (const [text, number] of Object.entries(read)) assert.equal(atoi(text), number, JSON.stringify(text));
});

describe("readings", () => {
  test("BLOCK_TCP: 1 blocks, 2 runs, all else does neither, and only the plain ones are not spoken of", () => {
    for (const text of ["0", " 1 ", "2"]) assert.equal(oldReaction(text).note, undefined, text);
    assert.deepEqual(oldReaction(""), {
      ok: "log",
      note: 'this counts as "0", as in PortSentry; write "0" or "1" or "2"',
    });
    const values = ["1", "1on", "01", "2,", "3", "-1", "yes", "on"].map((text) => oldReaction(text).ok);
    assert.deepEqual(values, ["block", "block", "block", "run", "log", "log", "log", "log"]);
  });

  test("flags: every number but 0 is on", () => {
    assert.deepEqual(
      ["0", "1", "2", "-1", "", "yes", "1y"].map((text) => oldFlag(text).ok),
      [false, true, true, true, false, false, true],
    );
    assert.equal(oldFlag("1").note, undefined);
    assert.match(oldFlag("2").note ?? "", /^this counts as "1"/);
  });

  test("SCAN_TRIGGER", () => {
    assert.deepEqual(
      ["0", "3", "", "-5", "2 hits", "60", "99999"].map((text) => oldTrigger(text).ok),
      [0, 3, 0, 0, 2, 60, 10_000],
    );
    assert.equal(oldTrigger("50").note, undefined);
    assert.match(oldTrigger("60").note ?? "", /counts to 50 .* here it counts as "60"/);
  });

  test("ADVANCED_PORTS_*", () => {
    assert.deepEqual(
      ["1024", "65536", "", "0", "1", "2", "all", "70000", "-1", "1024,"].map((text) => oldAdvancedPorts(text).ok),
      [1024, 65_536, 0, 0, 0, 2, 0, 65_536, 1024, 1024],
    );
    assert.equal(oldAdvancedPorts("1024").note, undefined);
    assert.match(oldAdvancedPorts("").note ?? "", /^this counts as "0", as in PortSentry; write a whole number, 2 to/);
  });

  const lists: readonly (readonly [string, string, RegExp | undefined])[] = [
    ["1,11,15", "1,11,15", undefined],
    ["", "", undefined],
    [" 1 , 70 - 79 ", "1,70-79", undefined],
    ["1,11,15,", "1,11,15", /^an item without a number is passed over, as in PortSentry; write ports/],
    [",,1,,2,", "1-2", /^an item without/],
    ["1:65535", "1", /^"1:65535" counts as 1, as in PortSentry;/],
    ["ssh,http,80", "80", /^"ssh" is no port, and does not count; "http" is no port/],
    ["0,1", "1", /^"0" is no port/],
    ["-5,65536,9-7", "9", /^"-5" is no port.*; "65536" is no port.*; "9-7" counts as 9/],
    ["1 2,3", "1,3", /^"1 2" counts as 1/],
    ["+7,0080", "7,80", /^"\+7" counts as 7/],
    ["1;2;3", "1", /^"1;2;3" counts as 1/],
    ["1,2\t,3", "1-2", /^the list ends at a character that is no ASCII/],
    ["1,2\u201d,3", "1-2", /^the list ends at a typographic quote, as in PortSentry/],
    ["a,b,c,d,e,f", "", /"d" is no port, and does not count; and so on; write/],
  ];
  for (const [text, ports, note] of lists) {
    test(`a list of ports: ${JSON.stringify(text)}`, () => {
      const read = oldPortList(text);
      assert.equal(formatPorts(read.ok), ports);
      if (note === undefined) assert.equal(read.note, undefined);
      else assert.match(read.note ?? "", note);
    });
  }

  test("a list has an item when anything stands in it", () => {
    for (const text of ["1", ",1", "ssh", " "]) assert.ok(hasItem(text), JSON.stringify(text));
    for (const text of ["", ",", ",,,"]) assert.ok(!hasItem(text), JSON.stringify(text));
  });

  test("a path is looked for from the root", () => {
    assert.deepEqual(oldPath("/etc/x"), { ok: "/etc/x" });
    assert.deepEqual(oldPath(""), { ok: undefined });
    const relative = oldPath("etc/x");
    assert.equal(relative.ok, "/etc/x");
    assert.match(
      relative.note ?? "",
      /^this counts as "\/etc\/x", as in PortSentry, .* 2\.x's command line; write a path that begins with/,
    );
    assert.equal(oldFile("/dev/null").ok, undefined);
    assert.equal(oldFile("dev/null").ok, undefined);
    const blank = oldPath("/etc/x\u00a0");
    assert.equal(blank.ok, "/etc/x");
    assert.match(blank.note ?? "", /^the path ends at a character that is no ASCII, as in PortSentry/);
  });

  test("no text is refused, and what counts lies within bounds", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[-0-9, +:]{0,30}$/)), (text) => {
        for (const { first, last } of oldPortList(text).ok) assert.ok(first >= 1 && first <= last && last <= 65_535);
        const below = oldAdvancedPorts(text).ok;
        assert.ok(below === 0 || (below >= 2 && below <= 65_536));
        const trigger = oldTrigger(text).ok;
        assert.ok(trigger >= 0 && trigger <= 10_000);
        for (const path of [oldPath(text).ok, oldFile(text).ok]) assert.ok(path === undefined || path.startsWith("/"));
        assert.equal(oldFlag(text).ok, atoi(text) !== 0);
        oldReaction(text);
      }),
    );
  });
});

describe("in a file", () => {
  const NAMES = 'IGNORE_FILE="/i"\nHISTORY_FILE="/h"\nBLOCKED_FILE="/b"\n';
  const listed = { tcpMode: "stcp", generation: 1 } as const;

  test("a value that is read is a warning at its line, and the settings are 1.2's", () => {
    const loaded = load(`${NAMES}TCP_PORTS="1,11,15,"\nBLOCK_TCP=""\nSCAN_TRIGGER="x"\n`, "", listed);
    const { tcp, scanTrigger } = settingsOf(loaded);
    assert.deepEqual([formatPorts(tcp.watched), tcp.block, scanTrigger], ["1,11,15", false, 0]);
    assert.match(
      problemsAt(loaded, "TCP_PORTS").join("\n"),
      /^4 warning TCP_PORTS="1,11,15,": an item without a number/m,
    );
    assert.match(problemsAt(loaded, "BLOCK_TCP").join(), /^5 warning BLOCK_TCP="": this counts as "0"/);
    assert.match(problemsAt(loaded, "SCAN_TRIGGER").join("\n"), /^6 warning SCAN_TRIGGER="x": this counts as "0"/m);
  });

  test("nothing is said of a key that the mode does not use", () => {
    const unused = 'TCP_PORTS="a,"\nUDP_PORTS="b,"\nADVANCED_PORTS_UDP="c"\nADVANCED_EXCLUDE_UDP="d"\nBLOCK_UDP="e"\n';
    const text = `${NAMES}${unused}KILL_RUN_CMD_FIRST="f"\nTCP_MODE="g"\nUDP_MODE="h"\n`;
    const loaded = load(text, "", { tcpMode: "atcp", generation: 1 });
    assert.equal(formatPorts(settingsOf(loaded).tcp.watched), "1-1023");
    assert.deepEqual(
      loaded.problems.filter(({ line, message }) => line > 3 && !/^POLICY /.test(message)).map(formatProblem),
      [],
    );
    const used = 'ADVANCED_PORTS_TCP="a"\nADVANCED_EXCLUDE_TCP="b"\nBLOCK_TCP="c"\n';
    const told = load(`${NAMES}${used}`, "", { tcpMode: "atcp", generation: 1 }).problems.map(({ line }) => line);
    assert.deepEqual([...new Set(told.filter((line) => line > 3))], [4, 5, 6]);
  });

  test("a list without a port: 1.2 starts when an item is in it, and so do we", () => {
    const start = (more: string) => load(`${NAMES}${more}`, "", listed).settings !== undefined;
    assert.equal(start('TCP_PORTS="ssh"\n'), true);
    assert.equal(start('TCP_PORTS="0"\n'), true);
    assert.equal(start('TCP_PORTS=""\n'), false);
    assert.equal(start('TCP_PORTS=",,"\n'), false);
    assert.equal(start(""), false);
    const advanced = load(`${NAMES}ADVANCED_PORTS_TCP="0"\n`, "", { tcpMode: "atcp", generation: 1 });
    assert.deepEqual(settingsOf(advanced).tcp.watched, []);
    assert.match(problemsAt(advanced, "ADVANCED_PORTS_TCP").join("\n"), /^4 warning no port is watched at all/m);
  });
});
