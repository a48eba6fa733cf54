import { EnvironmentError } from "../../builder/errors";
import { releases } from "./target";

/** The lab cannot run: what is missing, and how to mend it. Exit code 2. */
export class LabError extends EnvironmentError {
  static baseFailed(output: string): LabError {
    const last = output
      .split("\n")
      .filter((row) => /^E: /.test(row))
      .slice(-3)
      .join("\n  ");
    return new LabError(
      `the root file system could not be made\n  ${last || output.trim().split("\n").slice(-5).join("\n  ")}`,
      'Check the network and "apt-get update". Without root, user namespaces and a range in /etc/subuid are needed.',
    );
  }

  static noSources(): LabError {
    return new LabError(
      "apt knows no archive of Debian",
      `The lab needs a Debian machine with ${releases.join(" or ")} among its apt sources; after adding it, run "apt-get update".`,
    );
  }

  static noRoom(folder: string, free: number, wanted: number): LabError {
    return new LabError(
      `${folder} has ${(free / 1e9).toFixed(1)} GB free, and the lab needs ${(wanted / 1e9).toFixed(1)} GB there`,
      "Free some space, or set XDG_CACHE_HOME to a larger disk.",
    );
  }

  static noMemory(free: number, wanted: number): LabError {
    return new LabError(
      `${(free / 1e9).toFixed(1)} GB of memory are free, and each emulated machine needs ${(wanted / 1e9).toFixed(1)} GB`,
      "Close other programs, or run fewer machines at once with --jobs 1.",
    );
  }

  static unknownPackages(names: string[]): LabError {
    return new LabError(
      `apt knows no package ${names.join(", ")}, and the lab's root file system is made of them`,
      "Run \"sudo apt-get update\", and look at apt's sources: the lab needs Debian's own archive.",
    );
  }
}
