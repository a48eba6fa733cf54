import { EnvironmentError } from "../../builder/errors";

/** The boot tests cannot run: what is missing, and how to fix it. Exit code 2. */
export class BootError extends EnvironmentError {
  static baseFailed(output: string, log: string): BootError {
    const last = output
      .split("\n")
      .filter((row) => /^E: /.test(row))
      .slice(-3)
      .join("\n  ");
    return new BootError(
      `the stand-in could not be made\n  ${last || output.trim().split("\n").slice(-5).join("\n  ")}`,
      `The whole log: ${log}`,
    );
  }

  static noEmulation(reason: string): BootError {
    return new BootError(
      `this machine cannot run programs for arm64: ${reason}`,
      "Install qemu-user-static, and run this command once as root.",
    );
  }

  static noRoom(folder: string, free: number, wanted: number): BootError {
    return new BootError(
      `${folder} has ${(free / 1e9).toFixed(1)} GB free, and the boot tests need ${(wanted / 1e9).toFixed(1)} GB there`,
      "Free some space, or set XDG_CACHE_HOME to a larger disk.",
    );
  }
}

/** A check failed: the box did not do what it must. */
export class BootFailure extends Error {}
