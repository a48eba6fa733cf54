"use strict";
// What every command needs before its TypeScript can run: a Node that is new enough, the packages of the lock file, and the
// sources as one file, kept by their content so that only the first run pays for it.
const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { npmFault } = require("./npm.cjs");

const root = path.resolve(__dirname, "../..");

function fail(code, message, hint) {
  process.stderr.write(`bondbox: ${message}\n  ${hint}\n`);
  process.exit(code);
}

function checkNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) fail(2, `Node ${process.versions.node} is too old`, "Install Node 20 or newer.");
}

const stamp = path.join(root, "node_modules/.bondbox-installed");

/** What the stamp holds when the packages are those of the lock file, for this kind of computer. */
function wantedStamp() {
  const lock = fs.readFileSync(path.join(root, "package-lock.json"));
  return createHash("sha256").update(lock).update(`${process.platform} ${process.arch}`).digest("hex");
}

const arePackagesInstalled = () => fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === wantedStamp();

/** Installs the packages when they are not those of the lock file. */
function installPackages() {
  if (arePackagesInstalled()) return;
  process.stderr.write("bondbox: installing npm packages (first run, or the lock file has changed) ...\n");
  // No package of ours needs its install script.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(process.platform === "win32" ? "npm.cmd" : "npm", args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (result.error)
    fail(2, `npm could not be started (${result.error.code})`, "Install npm, which comes with Node, and run the command again.");
  if (result.status !== 0) fail(2, ...npmFault(`${result.stderr}\n${result.stdout}`, root));
  fs.writeFileSync(stamp, wantedStamp());
}

/** The text of --help, if it is asked for before the packages are there: a person who asks does not want to install anything yet. */
function helpWithoutPackages() {
  const args = process.argv.slice(2);
  const options = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  if (!options.includes("--help") && !options.includes("-h")) return null;
  // A test keeps these texts the same as those of the commands.
  const text = path.join(__dirname, "help", `${path.basename(require.main.filename)}.txt`);
  return fs.existsSync(text) && !arePackagesInstalled() ? fs.readFileSync(text, "utf8") : null;
}

function filesBelow(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(path.join(folder, entry.name)) : [path.join(folder, entry.name)]));
}

/** The entry and all it imports as one file. */
function bundle(entry) {
  const hash = createHash("sha256").update(root).update(entry).update(process.version);
  const sources = [
    ...[...new Set(["builder", "overlay/runtime", "scripts/lib", entry.split("/")[0]])].flatMap((folder) =>
      filesBelow(path.join(root, folder)),
    ),
    path.join(root, "profiles/profile.schema.json"),
    path.join(root, "package-lock.json"),
  ];
  for (const file of sources) hash.update(file).update("\0").update(fs.readFileSync(file)).update("\0");
  // In node_modules, where the bundle finds esbuild.
  const cached = path.join(root, "node_modules/.cache/bondbox", `command-${hash.digest("hex")}.cjs`);
  if (fs.existsSync(cached)) return cached;
  const { buildSync } = require("esbuild");
  const options = { absWorkingDir: root, entryPoints: [entry], bundle: true, platform: "node", target: "node20", format: "cjs" };
  const fresh = `${cached}.${process.pid}`;
  buildSync({ ...options, external: ["esbuild", "node-ssh", "ssh2"], outfile: fresh, logLevel: "error" });
  fs.renameSync(fresh, cached);
  return cached;
}

/** Runs one function of the builder as a command. */
async function run(entry, name) {
  // A reader that has seen enough, such as head, is no error.
  process.stdout.on("error", (error) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  checkNode();
  const help = helpWithoutPackages();
  if (help !== null) return process.stdout.write(help);
  installPackages();
  const { version } = require(path.join(root, "package.json"));
  const command = require(bundle(entry));
  process.exitCode = await command[name]({ root, version, args: process.argv.slice(2) });
}

module.exports = { run, root, checkNode, installPackages };
