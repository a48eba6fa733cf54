import { spawnSync } from "node:child_process";
import { EnvironmentError } from "../../builder/errors";

/** Installs Debian packages that are missing, as root or with sudo. @throws EnvironmentError where that is not possible. */
export function installPackages(wanted: string[], tell: (text: string) => void): void {
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${Status}\\n", ...wanted], { encoding: "utf8" });
  if (query.error) throw new EnvironmentError("dpkg-query was not found", "The tests need a Debian-like system.");
  const missing = wanted.filter((name) => !query.stdout.split("\n").includes(`${name} install ok installed`));
  if (missing.length === 0) return;
  const apt = asRoot();
  if (apt === null)
    throw new EnvironmentError(
      "packages are missing, and this is neither root nor has sudo without a password",
      `Run "sudo apt-get install --no-install-recommends ${missing.join(" ")}".`,
    );
  tell(`installing ${missing.join(" ")}`);
  run([...apt, "apt-get", "-qq", "update"], "the package lists could not be read");
  run(
    [...apt, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "install", "-y", "--no-install-recommends", ...missing],
    "the packages could not be installed",
  );
}

/** What to put before a command that needs root; null where there is no way. */
function asRoot(): string[] | null {
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"]).status === 0 ? ["sudo", "-n"] : null;
}

function run([program = "", ...args]: string[], complaint: string): void {
  const { status } = spawnSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0)
    throw new EnvironmentError(complaint, `See what "${[program, ...args].join(" ")}" says; check the network and apt's sources.`);
}
