#!/usr/bin/env node
// Writes the manual pages into a folder: node scripts/man.mjs FOLDER. Needs a build; PORTREEVE_BUILD may name another one.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { fail, root } from "./setup.mjs";

const [folder] = process.argv.slice(2);
if (folder === undefined) fail(64, "name the folder for the manual pages: node scripts/man.mjs FOLDER");
const build = resolve(process.env.PORTREEVE_BUILD ?? join(root, "build"));
const load = (file) => import(pathToFileURL(join(build, "scripts/papers", file)).href);

const { createReferenceProgram } = await load("commands.js");
const { portreevePage } = await load("man-portreeve.js");
const { portsentryPage } = await load("man-portsentry.js");
const { confPage } = await load("man-conf.js");
// The package gives the date of its change log, so that the same source makes the same bytes.
const now = process.env.SOURCE_DATE_EPOCH === undefined ? Date.now() : Number(process.env.SOURCE_DATE_EPOCH) * 1000;
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const edition = { version, date: new Date(now).toISOString().slice(0, 10) };

mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "portreeve.8"), portreevePage(createReferenceProgram(), edition));
writeFileSync(join(folder, "portsentry.8"), portsentryPage(edition));
writeFileSync(join(folder, "portsentry.conf.5"), confPage(edition));
