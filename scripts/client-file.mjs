// Joins the modules of the commands that ask the daemon into one file, build/src/cli/client.cjs: to load their 35 to 65 modules one
// by one costs as much CPU time as Node's own start. It is made of what the compiler wrote, in which imports and exports have only
// the few forms below; any other is an error.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fail } from "./setup.mjs";

const ENTRY = "cli/client.js";
/** What is not taken in: the other commands, and what works on the state of a daemon that is dead. They share no object with the rest. */
const APART = ["./main.js", "../answer/unblock-at-rest.js"];

const staticImport = /^import (\{[^}]*\}|\* as \w+) from "([^"]+)";$/gm;
const exportFrom = /^export (\{[^}]*\}) from "([^"]+)";$/gm;
const exported = /^export (?=(?:async )?(?:function\*?|class|const) (\w+))/gm;
const dynamicImport = /\bimport\("(\.[^"]+)"\)/g;
const unknownForm = /^(?! *(?:\/\/|\/?\*)).*(?:\bimport\.meta\b|^import\b|^export\b).*$/m;

/** `source` is the folder of the compiled program, build/src. */
export function writeClientFile(source) {
  const modules = new Map();
  addModule(source, ENTRY, modules);
  const text = `"use strict";
// The commands that ask the daemon, in one file: made by scripts/client-file.mjs.
const once = (make) => {
  let made;
  return () => (made ??= make());
};
${[...modules.values()].join("")}
${callOf(ENTRY)};
`;
  writeFileSync(join(source, "cli/client.cjs"), text);
}

/** Puts a module, as a function that returns its exports, and all that it imports into `modules`, by path. */
function addModule(source, path, modules) {
  if (modules.has(path)) return;
  modules.set(path, "");
  const load = (specifier) => {
    if (!specifier.startsWith(".")) return `require(${JSON.stringify(specifier)})`;
    const wanted = join(dirname(path), specifier);
    addModule(source, wanted, modules);
    return callOf(wanted);
  };
  const take = (names, specifier) => `const ${names.replace("* as ", "").replace(/ as /g, ": ")} = ${load(specifier)};`;
  const names = [];
  const body = readFileSync(join(source, path), "utf8")
    .replace(/^\/\/# sourceMappingURL=.*\n?/m, "")
    .replace(staticImport, (_, wanted, specifier) => take(wanted, specifier))
    .replace(exportFrom, (_, wanted, specifier) => {
      const given = wanted.slice(1, -1).split(",");
      names.push(...given.map((name) => name.trim().split(" as ").at(-1)));
      return take(wanted, specifier);
    })
    .replace(exported, (_, name) => {
      names.push(name);
      return "";
    })
    .replace(dynamicImport, (kept, specifier) => (APART.includes(specifier) ? kept : load(specifier)))
    .replaceAll("createRequire(import.meta.url)", "require")
    .replaceAll("import.meta.dirname", "__dirname");
  const unknown = unknownForm.exec(body);
  if (unknown !== null) fail(69, `${path}: scripts/client-file.mjs does not know this form: ${unknown[0]}`);
  const isEntry = path === ENTRY;
  modules.set(
    path,
    `const ${nameOf(path)} = once(${isEntry ? "async " : ""}() => {\n${body}return { ${names.join(", ")} };\n});\n`,
  );
}

function nameOf(path) {
  return path.replace(/\.js$/, "").replace(/\W/g, "_");
}

function callOf(path) {
  return `${nameOf(path)}()`;
}
