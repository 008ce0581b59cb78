// The manual pages name every command, option and key, and are clean roff where a checker is there to say so.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { createReferenceProgram } from "../../scripts/papers/commands.ts";
import { confPage } from "../../scripts/papers/man-conf.ts";
import { portreevePage } from "../../scripts/papers/man-portreeve.ts";
import { portsentryPage } from "../../scripts/papers/man-portsentry.ts";
import { escapeRoff, example, item, paragraph } from "../../scripts/papers/roff.ts";
import { parsePortsentryLine } from "../../src/cli/portsentry-line.ts";
import { options2x } from "../../src/cli/portsentry-options.ts";
import { help2 } from "../../src/cli/portsentry-text.ts";
import { allKeys } from "../../src/config/keys.ts";

const edition = { version: "1.2.3", date: "2026-11-22" };
const program = createReferenceProgram();
const pages = {
  "portreeve.8": portreevePage(program, edition),
  "portsentry.8": portsentryPage(edition),
  "portsentry.conf.5": confPage(edition),
};

/** A formatter's or checker's complaints; undefined when the program is not installed. */
function complaints(argv: readonly string[], page: string): string | undefined {
  const [command = "", ...args] = argv;
  const result = spawnSync(command, args, { input: page, encoding: "utf8" });
  return result.error === undefined ? `${result.stdout}${result.stderr}` : undefined;
}

test("portreeve(8) has every command with its options, and the exit codes", () => {
  const page = pages["portreeve.8"];
  for (const command of program.commands) {
    assert.ok(page.includes(`.SS "portreeve ${command.name()} `), command.name());
    for (const option of command.options) assert.ok(page.includes(escapeRoff(option.flags)), option.flags);
  }
  assert.match(page, /^\.B "64"$/m);
  assert.match(page, /portreeve unblock \\-\\-all/);
});

test("portsentry.conf(5) has every key with its values and default", () => {
  for (const key of allKeys) {
    const at = pages["portsentry.conf.5"].indexOf(`.B "${key.name}"\n${escapeRoff(key.meaning)}`);
    assert.ok(at > 0, key.name);
    const values = escapeRoff(`Values: ${key.type.allowed}.`).split("\n")[0] ?? "";
    assert.ok(pages["portsentry.conf.5"].indexOf(values, at) > 0, `${key.name}: its values`);
  }
});

test("portsentry(8) and `portsentry --help` say the same of each option, and know those that the command line takes", () => {
  for (const { short, long, value, meaning } of options2x) {
    const names = escapeRoff(`${short === "" ? "" : `${short}, `}${long}${value === "" ? "" : ` ${value}`}`);
    assert.ok(pages["portsentry.8"].includes(`.B "${names}"\n${escapeRoff(meaning)}`), long);
    assert.ok(help2.includes(`${long}${short === "" ? "" : `, ${short}`}`) && help2.includes(meaning), long);
    const given = value === "" ? [long] : [long, { NAME: "eth0", PATH: "x.conf" }[value] ?? value.split("|")[0] ?? ""];
    assert.ok(!("wrong" in parsePortsentryLine(given)), long);
  }
});

test("portsentry(8) has the modes of 1.2 and the options of 2", () => {
  for (const mode of ["tcp", "udp", "stcp", "sudp", "atcp", "audp"])
    assert.ok(pages["portsentry.8"].includes(`.B "\\-${mode}"\n`), mode);
  for (const letter of "climLSDdvVh") assert.match(pages["portsentry.8"], new RegExp(`^\\.B "\\\\-${letter}, `, "m"));
});

for (const [name, page] of Object.entries(pages)) {
  test(`${name} is plain ASCII in short lines that begin with no stray request`, () => {
    assert.match(page, /^[\n\x20-\x7e]*$/);
    for (const line of page.split("\n")) {
      if (/^[.']/.test(line)) assert.match(line, /^\.(TH|nh|ad|SH|SS|PP|TP|IP|B|BR|EX|EE)( |$)/);
    }
  });

  test(`${name} passes mandoc -Tlint and groff's warnings`, (t) => {
    const lint = complaints(["mandoc", "-Tlint"], page);
    const groff = complaints(["groff", "-man", "-ww", "-z", "-Tutf8"], page);
    if (lint === undefined && groff === undefined) return t.skip("neither mandoc nor groff is installed");
    const serious = (lint ?? "").split("\n").filter((line) => /(ERROR|WARNING|UNSUPP):/.test(line));
    assert.deepEqual(serious, []);
    assert.equal(groff ?? "", "");
  });
}

test("no plain text can become a request of roff", () => {
  const text = fc.string({ unit: fc.constantFrom(".", "'", "\\", "-", "\n", " ", "a", '"'), maxLength: 200 });
  fc.assert(
    fc.property(text, (plain) => {
      const roff = paragraph(plain) + example([plain.replaceAll("\n", " ")]) + item(plain.replaceAll("\n", " "), plain);
      for (const line of roff.split("\n")) if (/^[.']/.test(line)) assert.match(line, /^\.(PP|EX|EE|TP|B ".*")$/);
    }),
  );
});
