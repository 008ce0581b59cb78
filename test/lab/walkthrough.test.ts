// The administrator's walkthrough on this machine's own Debian, in a layer above it that is thrown away: the built
// package, installed by apt-get, in a network namespace of its own, with nmap in a second one.
import { copyFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { buildPackage } from "./support/debian-root.ts";
import { FAIL2BAN } from "./support/fail2ban.ts";
import { fetchCompanions, fetchPackages } from "./support/fetch-packages.ts";
import { Lab } from "./support/lab.ts";
import { Root } from "./support/root.ts";
import { walk } from "./support/walkthrough.ts";

test("the administrator's walkthrough", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const [deb, fail2ban] = [await buildPackage(lab.folder), await fetchPackages(FAIL2BAN)];
  const companions = await fetchCompanions(deb, join(lab.folder, "archives"));
  const root = await Root.overlay(lab);
  t.after(() => root.close());
  // The lab's network leads nowhere: apt finds there what it needs beside the package.
  for (const file of companions) copyFileSync(file, root.path(join("/var/cache/apt/archives", basename(file))));
  await walk(t, { lab, root, deb, fail2ban });
});
