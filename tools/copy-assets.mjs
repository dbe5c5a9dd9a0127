/**
 * Copies what the pages load from node_modules/ into static/vendor/, with the licences, and nothing else.
 *
 * The folder is built anew each time, so nothing stale stays. Icons are those that a template asks for by a literal
 * name, `icon("name")`.
 */
import { appendFile, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const vendor = join(root, "static", "vendor");

/** From a file in node_modules/ to its place in static/vendor/. @tabler/core has no licence file: its banner says it. */
const FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "@tabler/icons/LICENSE": "icons/LICENSE",
    "uplot/dist/uPlot.iife.min.js": "uplot/uPlot.esm.min.js",
    "uplot/dist/uPlot.min.css": "uplot/uPlot.min.css",
    "uplot/LICENSE": "uplot/LICENSE",
    "socket.io-client/dist/socket.io.esm.min.js": "socket.io-client/socket.io.esm.min.js",
    "socket.io-client/LICENSE": "socket.io-client/LICENSE",
    // the bundle contains these as well
    "engine.io-client/LICENSE": "socket.io-client/LICENSE.engine.io-client",
    "engine.io-parser/LICENSE": "socket.io-client/LICENSE.engine.io-parser",
    "socket.io-parser/LICENSE": "socket.io-client/LICENSE.socket.io-parser",
    "@socket.io/component-emitter/LICENSE": "socket.io-client/LICENSE.component-emitter",
};

async function copy(source, target) {
    await mkdir(dirname(target), { recursive: true });
    await copyFile(source, target);
}

/** Of this one there is no module that is small: the small one names a variable, which a module can export. */
async function exportFrom(path, name) {
    await appendFile(path, `\nexport default ${name};\n`);
}

/** Without this, developer tools ask the server for source maps that are not copied. */
async function dropSourceMapReference(path) {
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replace(/\n\/[/*]# sourceMappingURL=.*\s*$/, "\n"));
}

async function iconsInTemplates() {
    const folder = join(root, "templates");
    const names = new Set();
    for (const file of await readdir(folder, { recursive: true })) {
        if (!file.endsWith(".html")) continue;
        const text = await readFile(join(folder, file), "utf8");
        for (const [, name] of text.matchAll(/\bicon\(\s*["']([a-z0-9-]+)["']/g)) names.add(name);
    }
    return [...names].sort();
}

await rm(vendor, { recursive: true, force: true });
for (const [source, target] of Object.entries(FILES)) {
    await copy(join(modules, source), join(vendor, target));
    if (/\.(css|js)$/.test(target)) await dropSourceMapReference(join(vendor, target));
}
await exportFrom(join(vendor, "uplot", "uPlot.esm.min.js"), "uPlot");
const icons = await iconsInTemplates();
for (const name of icons) {
    await copy(join(modules, "@tabler/icons/icons/outline", `${name}.svg`), join(vendor, "icons", `${name}.svg`));
}
console.log(`${basename(vendor)}: ${Object.keys(FILES).length} files and ${icons.length} icons`);
