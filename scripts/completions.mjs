#!/usr/bin/env node
// Writes the completion for bash (portreeve) and zsh (_portreeve) into a folder: node scripts/completions.mjs FOLDER. Needs a
// build; PORTREEVE_BUILD may name another one. To try it in a shell: source FOLDER/portreeve
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { fail, root } from "./setup.mjs";

const [folder] = process.argv.slice(2);
if (folder === undefined) fail(64, "name the folder for the completions: node scripts/completions.mjs FOLDER");
const papers = join(resolve(process.env.PORTREEVE_BUILD ?? join(root, "build")), "scripts/papers");
const load = (file) => import(pathToFileURL(join(papers, file)).href);
const [{ createReferenceProgram }, { bashCompletion, zshCompletion }] = await Promise.all(
  ["commands.js", "completion.js"].map(load),
);

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "portreeve"), bashCompletion(createReferenceProgram()));
writeFileSync(join(folder, "_portreeve"), zshCompletion(createReferenceProgram()));
