// The .deb as a file: what is in it, and that it is what dpkg and an administrator expect. Installing it is long/package.test.ts.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildPackage, repository } from "./support/debian-root.ts";
import { mustRun, run } from "./support/exec.ts";

const folder = mkdtempSync(join(tmpdir(), "portreeve-package-"));
const root = join(folder, "root");
let file = "";
let paths: string[] = [];

before(async () => {
  file = await buildPackage(folder);
  await mustRun(["dpkg-deb", "--raw-extract", file, root]);
  const listing = await mustRun(["dpkg-deb", "--contents", file]);
  paths = listing.split("\n").map((line) => line.split(/\s+/)[5]?.slice(1) ?? "");
});
after(() => rmSync(folder, { recursive: true, force: true }));

const control = (name: string) => readFileSync(join(root, "DEBIAN", name), "utf8");

test("it takes PortSentry's place", () => {
  for (const field of ["Provides", "Conflicts", "Replaces"])
    assert.match(control("control"), new RegExp(`^${field}: portsentry$`, "m"));
  assert.match(control("control"), /^Depends: .*libnftables1/m);
  assert.doesNotMatch(control("control"), /^Depends: .*nodejs/m);
  assert.match(control("control"), /^Recommends: default-logind \| logind, .*libpam-systemd/m);
});

test("the administrator's files are conffiles, and /etc/default/portsentry is not in the package", () => {
  const conffiles = control("conffiles").trimEnd().split("\n");
  for (const path of ["init.d/portsentry", "portsentry/portsentry.conf", "portsentry/portsentry.ignore.static"])
    assert.ok(conffiles.includes(`/etc/${path}`), path);
  assert.ok(!paths.includes("/etc/default/portsentry"));
});

test("every program, page and service file is there", () => {
  for (const path of [
    "/usr/bin/portreeve",
    "/usr/sbin/portsentry",
    "/usr/lib/portsentry/portsentry-build-ignore-file",
    "/usr/lib/portsentry/portsentry-add-ip",
    "/usr/lib/portsentry/portsentry-rm-ip",
    "/usr/lib/portreeve/node",
    "/usr/lib/portreeve/prepare",
  ])
    assert.equal(statSync(join(root, path)).mode & 0o777, 0o755, path);
  for (const path of [
    "/etc/logrotate.d/portreeve",
    "/etc/logcheck/ignore.d.server/portreeve",
    "/usr/lib/portreeve/modes",
    "/usr/lib/portreeve/leave.mjs",
    "/usr/lib/systemd/system/portsentry.service",
    "/usr/lib/systemd/system/portreeve.service",
    "/usr/lib/tmpfiles.d/portreeve.conf",
    "/usr/share/man/man8/portreeve.8.gz",
    "/usr/share/bash-completion/completions/portreeve",
    "/usr/share/zsh/vendor-completions/_portreeve",
    "/usr/share/man/man8/portsentry.8.gz",
    "/usr/share/man/man5/portsentry.conf.5.gz",
    "/usr/share/doc/portreeve/copyright",
    "/usr/share/doc/portreeve/nodejs-license.gz",
    "/usr/share/doc/portreeve/NEWS.Debian.gz",
    "/usr/share/doc/portreeve/CHANGELOG.md.gz",
    "/usr/share/doc/portreeve/guides/i-am-locked-out.md",
    "/usr/share/doc/portreeve/reference/sandbox.md",
  ])
    assert.ok(paths.includes(path), path);
});

test("nothing that only builds or tests is carried, and no other platform's binary", () => {
  const surplus = paths.filter((path) =>
    /\.(ts|map|cc)$|\/test\/|musl|typescript|biome|fast-check|\/@types\//.test(path),
  );
  assert.deepEqual(surplus, []);
  assert.deepEqual(
    paths
      .filter((path) => path.endsWith(".node"))
      .map((path) => path.split("/").slice(-2)[0])
      .sort(),
    ["linux-x64-gnu", "linux_x64"],
  );
});

test("the carried runtime runs the program with the carried modules", async () => {
  const lib = join(root, "usr/lib/portreeve");
  const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
  const node = join(lib, "node");
  assert.equal(await mustRun([node, join(lib, "build/src/cli/main.js"), "--version"]), `portreeve ${version}\n`);
  const imports = ["kernel/libc.js", "service/run.js", "control/server.js", "record/store.js"];
  const script = `for (const file of process.argv.slice(1)) await import(file);`;
  await mustRun([node, "--input-type=module", "-e", script, ...imports.map((name) => join(lib, "build/src", name))]);
});

test("every shell script in it is one that /bin/sh can read", async () => {
  const scripts = [
    "DEBIAN/preinst",
    "DEBIAN/postinst",
    "DEBIAN/prerm",
    "DEBIAN/postrm",
    "etc/init.d/portsentry",
    "usr/lib/portreeve/modes",
    "usr/sbin/portsentry",
  ];
  for (const script of [...scripts, "usr/lib/portreeve/prepare", "usr/bin/portreeve"])
    assert.equal((await run(["sh", "-n", join(root, script)])).stderr, "", script);
});

test("a package of the registry that is not the pinned one is refused", () => {
  const lock = JSON.parse(readFileSync(join(repository, "scripts/deb-lock.json"), "utf8")).amd64[1];
  const script =
    "const [registry, entry, folder] = process.argv.slice(1);" +
    "(await import(registry)).unpackPinned(JSON.parse(entry), folder, folder + '/out')";
  const other = JSON.stringify({ ...lock, integrity: `sha512-${Buffer.alloc(64).toString("base64")}` });
  const registry = join(repository, "scripts/deb/registry.mjs");
  const argv = ["--input-type=module", "-e", script, "--", registry, other, join(folder, "cache")];
  const result = spawnSync(process.execPath, argv, { encoding: "utf8", cwd: repository });
  assert.equal(result.status, 69, result.stderr);
  assert.match(result.stderr, /is not what scripts\/deb-lock\.json pins/);
});
