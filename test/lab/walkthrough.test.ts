// The administrator's walkthrough on this machine's own Debian, in a layer above it that is thrown away: the built
// package, installed by apt-get, in a network namespace of its own, with nmap in a second one.
import { test } from "node:test";
import { buildPackage } from "./support/debian-root.ts";
import { FAIL2BAN } from "./support/fail2ban.ts";
import { fetchPackages } from "./support/fetch-packages.ts";
import { Lab } from "./support/lab.ts";
import { Root } from "./support/root.ts";
import { walk } from "./support/walkthrough.ts";

test("the administrator's walkthrough", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const [deb, fail2ban] = [await buildPackage(lab.folder), await fetchPackages(FAIL2BAN)];
  const root = await Root.overlay(lab);
  t.after(() => root.close());
  await walk(t, { lab, root, deb, fail2ban });
});
