// Parses a chat export with npm's whatsapp-chat-parser; prints what it took as JSON.
// `node parse.mjs FOLDER FILE`: FOLDER has the package in its node_modules.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, file] = process.argv.slice(2);
const place = join(folder, "node_modules/whatsapp-chat-parser/dist/index.js");
const { parseString } = await import(pathToFileURL(place));
const text = readFileSync(file, "utf8");
const before = process.cpuUsage();
const began = performance.now();
const messages = parseString(text);
const wall = performance.now() - began;
const cpu = process.cpuUsage(before);
console.log(
  JSON.stringify({
    messages: messages.length,
    cpu: (cpu.user + cpu.system) / 1e6,
    wall: wall / 1e3,
    peak: process.resourceUsage().maxRSS * 1024,
  }),
);
