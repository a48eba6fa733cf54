import { EnvironmentError } from "../../builder/errors";

/** The boot tests cannot run: what is missing, and how to mend it. Exit code 2. */
export class BootError extends EnvironmentError {
  static baseFailed(output: string, log: string): BootError {
    const last = output
      .split("\n")
      .filter((row) => /^E: /.test(row))
      .slice(-3)
      .join("\n  ");
    return new BootError(
      `the stand-in could not be made\n  ${last || output.trim().split("\n").slice(-5).join("\n  ")}`,
      `All that mmdebstrap said: ${log}`,
    );
  }

  static noEmulation(reason: string): BootError {
    return new BootError(
      `this machine cannot run programs for arm64: ${reason}`,
      "Install qemu-user-static and run this as root once, or where systemd-binfmt.service runs.",
    );
  }

  static noRoom(folder: string, free: number, wanted: number): BootError {
    return new BootError(
      `${folder} has ${(free / 1e9).toFixed(1)} GB free, and the boot tests need ${(wanted / 1e9).toFixed(1)} GB there`,
      "Free some space, or set XDG_CACHE_HOME to a larger disk.",
    );
  }
}

/** A machine did not do what it must: a finding, not a mistake of the person or the surroundings. */
export class BootFailure extends Error {}
