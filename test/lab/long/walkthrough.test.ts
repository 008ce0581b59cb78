// The administrator's walkthrough in a clean Debian 12 and 13, made by debootstrap, where apt-get has to find for itself
// what the package needs. Needs the Debian mirror.
import { test } from "node:test";
import { buildPackage, DebianRoot } from "../support/debian-root.ts";
import { FAIL2BAN } from "../support/fail2ban.ts";
import { Lab } from "../support/lab.ts";
import { Root } from "../support/root.ts";
import { walk } from "../support/walkthrough.ts";

for (const suite of ["bookworm", "trixie"]) {
  test(`the administrator's walkthrough on a clean ${suite}`, async (t) => {
    const debian = await DebianRoot.make(suite);
    t.after(() => debian.close());
    const lab = await Lab.open();
    t.after(() => lab.close());
    const deb = await buildPackage(lab.folder);
    // Fetched with this machine's network, installed in the lab's, which leads nowhere.
    await debian.apt("update");
    await debian.apt("install", "--download-only", await debian.take(deb));
    await debian.apt("install", "--no-install-recommends", ...FAIL2BAN, "procps");
    const root = await Root.at(lab, debian.path);
    t.after(() => root.close());
    await walk(t, { lab, root, deb, fail2ban: [] });
  });
}
