// Lays out the files of the package below a folder, as dpkg will install them below /.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { ensureDebianPackages, fail, root, run } from "../setup.mjs";
import { changeLog, copyrightFile, news } from "./papers.mjs";
import { pinnedPackages, productionPackages, UNPACKED_MARK, unpackPinned } from "./registry.mjs";

const LIB = "usr/lib/portreeve";
const DOC = "usr/share/doc/portreeve";
const strippers = {
  amd64: { program: "x86_64-linux-gnu-strip", debianPackage: "binutils-x86-64-linux-gnu" },
  arm64: { program: "aarch64-linux-gnu-strip", debianPackage: "binutils-aarch64-linux-gnu" },
};

/** @param {{ stage: string, arch: "amd64" | "arm64", build: string, cache: string, version: string, date: Date }} given */
export function stageTree(given) {
  const place = (from, to, mode = 0o644) => copyFile(join(root, from), join(given.stage, to), mode);
  const write = (to, text, mode = 0o644) => writeNew(join(given.stage, to), text, mode);
  stageProgram(given, write);
  const pinned = stageBinaries(given);
  stageCommands(given, write);
  stageService(place);
  stagePapers(given, pinned, { place, write });
}

function stageProgram({ stage, build, version }, write) {
  const from = join(build, "src");
  cpSync(from, join(stage, LIB, "build/src"), {
    recursive: true,
    filter: (path) => !/\.(map|ts)$/.test(path),
  });
  for (const file of ["client.cjs", "main.js", "portsentry.js"])
    if (!existsSync(join(from, "cli", file))) fail(69, `the build has no src/cli/${file}: run npm run build`);
  for (const name of productionPackages())
    cpSync(join(root, "node_modules", name), join(stage, LIB, "node_modules", name), {
      recursive: true,
      filter: isNeeded,
    });
  write(
    join(LIB, "package.json"),
    `${JSON.stringify({ name: "portreeve", version, type: "module", private: true })}\n`,
  );
}

/** Of a module only what Node loads when our ES modules import it: no types, sources, maps, papers, other module formats. */
function isNeeded(path) {
  const name = relative(join(root, "node_modules"), path);
  if (/\.(d\.[cm]?ts|[cm]?ts|map|md|cc|hh|inc|yml)$|CMakeLists\.txt$/.test(name)) return false;
  // Their text is in the package's copyright file.
  if (/(^|\/)licen[sc]e(\.txt)?$/i.test(name)) return false;
  if (/^koffi\/(vendor|doc|lib|cnoke\.cjs|src\/koffi\/src\/trampolines)|^(libsql|@neon-rs\/load)\/types$/.test(name))
    return false;
  return !/^hono\/dist\/(cjs|types)(\/|$)|^commander\/typings/.test(name);
}

/** The runtime and the two native modules. Returns what is pinned, the runtime first. */
function stageBinaries({ stage, arch, cache }) {
  const { program, debianPackage } = strippers[arch];
  ensureDebianPackages([debianPackage]);
  const pinned = [...pinnedPackages(arch).values()];
  const [runtime, ...natives] = pinned;
  const unpacked = join(cache, "runtime");
  unpackPinned(runtime, cache, unpacked);
  const node = join(stage, LIB, "node");
  copyFile(join(unpacked, "bin/node"), node, 0o755);
  run(program, ["--strip-unneeded", "--remove-section=.comment", "--remove-section=.note", node]);
  writeNew(join(stage, DOC, "nodejs-license.gz"), gzip(readFileSync(join(unpacked, "LICENSE"))), 0o644);
  for (const native of natives) {
    const folder = join(cache, native.name);
    unpackPinned(native, cache, folder);
    cpSync(folder, join(stage, LIB, "node_modules", native.name), {
      recursive: true,
      filter: (path) => !/\.md$|\/musl_/.test(path) && !path.endsWith(UNPACKED_MARK),
    });
  }
  for (const file of filesBelow(join(stage, LIB, "node_modules"))) chmodSync(file, 0o644);
  return pinned;
}

/** What is called by name: two programs, and PortSentry's three helpers. */
function stageCommands({ stage }, write) {
  const launch = (script, isDaemon, daemonScript = script) => `#!/bin/sh
# What is meant for other programs of the one who calls.
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS
# 14 MB less in the daemon, at no cost that could be measured (docs/decisions/0008-package-runtime.md). With that
# option V8 compiles anew what Node was built with, which costs a command that only asks the daemon half of its time.
export MALLOC_ARENA_MAX=1
${isDaemon === "true" ? '# ps shows it.\nexport PORTREEVE_PROGRAM="$0"\n' : ""}${isDaemon === undefined ? "" : `${isDaemon} && exec /${LIB}/node --optimize-for-size /${LIB}/${daemonScript} "$@"\n`}exec /${LIB}/node /${LIB}/${script} "$@"
`;
  // The conditions are of sh.
  // Not in sbin: "replay" and "check" are for everybody, in whose PATH that is not.
  write("usr/bin/portreeve", launch("build/src/cli/client.cjs", '[ "$1" = run ]', "build/src/cli/main.js"), 0o755);
  write("usr/sbin/portsentry", launch("build/src/cli/portsentry.js", "true"), 0o755);
  for (const name of ["portsentry-build-ignore-file", "portsentry-add-ip", "portsentry-rm-ip"]) {
    const file = join(root, "bin", name);
    if (!existsSync(file)) fail(69, `bin/${name} is missing`);
    const text = readFileSync(file, "utf8");
    if (!text.startsWith("#!/usr/bin/env node")) write(`usr/lib/portsentry/${name}`, text, 0o755);
    else {
      // Debian may have no "node" of its own, so it is no script that could be started by itself.
      write(`${LIB}/bin/${name}.js`, text.replace(/^#!.*\n/, ""));
      write(`usr/lib/portsentry/${name}`, launch(`bin/${name}.js`), 0o755);
    }
  }
  write("etc/portsentry/portsentry.conf", readFileSync(join(root, "conf/portsentry.conf")));
  mkdirSync(join(stage, "var/lib/portsentry"), { recursive: true });
  chmodSync(join(stage, "var/lib/portsentry"), 0o700);
  mkdirSync(join(stage, "usr/lib/systemd/system"), { recursive: true });
  symlinkSync("portsentry.service", join(stage, "usr/lib/systemd/system/portreeve.service"));
}

function stageService(place) {
  place("packaging/portsentry.ignore.static", "etc/portsentry/portsentry.ignore.static");
  place("packaging/portsentry.init", "etc/init.d/portsentry", 0o755);
  place("packaging/portreeve.logrotate", "etc/logrotate.d/portreeve");
  place("packaging/portreeve.logcheck", "etc/logcheck/ignore.d.server/portreeve");
  place("packaging/portsentry.service", "usr/lib/systemd/system/portsentry.service");
  place("packaging/portreeve.tmpfiles", "usr/lib/tmpfiles.d/portreeve.conf");
  place("packaging/default", "usr/share/portreeve/default");
  place("packaging/prepare", `${LIB}/prepare`, 0o755);
  place("packaging/modes", `${LIB}/modes`);
  place("packaging/leave.mjs", `${LIB}/leave.mjs`);
  place("packaging/remove-table.mjs", `${LIB}/remove-table.mjs`);
  place("packaging/lintian-overrides", "usr/share/lintian/overrides/portreeve");
}

function stagePapers({ stage, build, version, date, cache }, [runtime, ...native], { place, write }) {
  const pages = join(stage, "man");
  const env = { ...process.env, PORTREEVE_BUILD: build, SOURCE_DATE_EPOCH: String(date.getTime() / 1000) };
  run(process.execPath, [join(root, "scripts/man.mjs"), pages], { env });
  for (const page of readdirSync(pages))
    write(`usr/share/man/man${page.at(-1)}/${page}.gz`, gzip(readFileSync(join(pages, page))));
  run("rm", ["-r", pages]);
  const completions = join(stage, "completions");
  run(process.execPath, [join(root, "scripts/completions.mjs"), completions], { env });
  for (const [file, to] of [
    ["portreeve", "usr/share/bash-completion/completions/portreeve"],
    ["_portreeve", "usr/share/zsh/vendor-completions/_portreeve"],
  ])
    write(to, readFileSync(join(completions, file)));
  run("rm", ["-r", completions]);
  const modules = productionPackages().map((name) => ({ name, folder: join(root, "node_modules", name) }));
  const natives = native.map(({ name }) => ({ name, folder: join(cache, name) }));
  write(join(DOC, "copyright"), copyrightFile([...modules, ...natives], runtime));
  write(join(DOC, "changelog.gz"), gzip(changeLog(version, date)));
  write(join(DOC, "NEWS.Debian.gz"), gzip(news(version, date)));
  write(join(DOC, "CHANGELOG.md.gz"), gzip(readFileSync(join(root, "CHANGELOG.md"))));
  place("packaging/README.Debian", join(DOC, "README.Debian"));
  // All of them, so that every link between them leads somewhere.
  for (const page of filesBelow(join(root, "docs")))
    place(relative(root, page), join(DOC, relative(join(root, "docs"), page)));
  for (const name of ["portsentry.conf", "portsentry.ignore"]) place(join("conf", name), join(DOC, "examples", name));
}

function copyFile(from, to, mode) {
  writeNew(to, readFileSync(from), mode);
}

function writeNew(path, content, mode) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode });
  chmodSync(path, mode);
}

/** Level 9 and no time of its own, as Debian wants its papers. */
function gzip(content) {
  return gzipSync(content, { level: 9 });
}

export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
